//! Attributes of the operations on windows, indices and regions, read.

use crate::op::{
    Checkpointing, ConvSpec, Cumulation, CustomRule, Extremum, GatherSpec, Op, OutOfBounds, PoolSpec, Pooling,
    ScanSpec, ScatterKind, WhileSpec, WindowDims, WindowSpec,
};
use crate::types::Type;

use super::attributes::{Attributes, Head};
use super::parser::{Failure, Parser};

impl<'a> Parser<'a> {
    /// The operation with its attributes; `kind` is the second word of its name, if it has one.
    pub(super) fn structured_op(
        &mut self,
        head: Head,
        kind: &str,
        attributes: &mut Attributes<'a>,
        result: Option<&Type>,
    ) -> Result<Op, Failure> {
        match head {
            Head::Bitcast => Ok(Op::Bitcast(self.result_type(attributes, result)?.dtype)),
            Head::Barrier => Ok(Op::Barrier),
            Head::ArgReduce(kind) => {
                let dtype = self.result_type(attributes, result)?.dtype;
                Ok(Op::ArgReduce { kind, axis: self.position(attributes, "axis")?, dtype })
            }
            Head::Cumulative => {
                let Some(&kind) = Cumulation::ALL.iter().find(|known| known.kind_name() == kind) else {
                    return Err(self.without_kind(attributes));
                };
                let axis = self.position(attributes, "axis")?;
                Ok(Op::Cumulative { kind, axis, reverse: self.flag(attributes, "reverse")? })
            }
            Head::DynamicSlice => Ok(Op::DynamicSlice(Box::new(self.result_type(attributes, result)?.shape.clone()))),
            Head::DynamicUpdateSlice => Ok(Op::DynamicUpdateSlice),
            Head::Gather => {
                let dims = self.window_dims(attributes)?;
                let sizes = self.axes(attributes, "sizes")?.to_vec().into();
                Ok(Op::Gather(Box::new(GatherSpec { dims, sizes })))
            }
            Head::Scatter => {
                let Some(&kind) = ScatterKind::ALL.iter().find(|known| known.kind_name() == kind) else {
                    return Err(self.without_kind(attributes));
                };
                Ok(Op::Scatter { kind, dims: Box::new(self.window_dims(attributes)?) })
            }
            Head::Windows => Ok(Op::Windows(Box::new(self.window_spec(attributes)?))),
            Head::OverlapAdd => {
                let shape = Box::new(self.result_type(attributes, result)?.shape.clone());
                Ok(Op::OverlapAdd { spec: Box::new(self.window_spec(attributes)?), shape })
            }
            Head::ReduceWindow => {
                let Some(&kind) = Pooling::ALL.iter().find(|known| known.kind_name() == kind) else {
                    return Err(self.without_kind(attributes));
                };
                Ok(Op::ReduceWindow { kind, spec: Box::new(self.pool_spec(attributes)?) })
            }
            Head::SelectAndScatter => {
                let kind = if kind == "max" { Extremum::Max } else { Extremum::Min };
                Ok(Op::SelectAndScatter { kind, spec: Box::new(self.pool_spec(attributes)?) })
            }
            Head::Conv => self.conv(attributes),
            Head::Sort => {
                let (axis, keys) = (self.position(attributes, "axis")?, self.position(attributes, "keys")?);
                Ok(Op::Sort { axis, keys, descending: self.flag(attributes, "descending")? })
            }
            Head::TopK => Ok(Op::TopK { k: self.position(attributes, "k")? }),
            Head::RandomBits => Ok(Op::RandomBits(Box::new(self.result_type(attributes, result)?.clone()))),
            Head::Cholesky => Ok(Op::Cholesky),
            Head::TriangularSolve => Ok(Op::TriangularSolve {
                left: self.flag(attributes, "left")?,
                lower: self.flag(attributes, "lower")?,
                transpose: self.flag(attributes, "transpose")?,
                unit: self.flag(attributes, "unit")?,
            }),
            Head::Scan => self.scan(attributes),
            Head::While => {
                let consts = self.position(attributes, "consts")?;
                let bound = self.optional_position(attributes, "bound")?;
                Ok(Op::While(Box::new(WhileSpec { consts, bound })))
            }
            Head::Cond => Ok(Op::Cond),
            Head::Switch => Ok(Op::Switch),
            Head::CustomDerivative => match self.word(attributes, "rule", &["jvp", "vjp"])? {
                Some("jvp") => Ok(Op::CustomDerivative(CustomRule::Jvp)),
                Some(_) => Ok(Op::CustomDerivative(CustomRule::Vjp)),
                None => Err(self.missing(attributes, "rule", "jvp")),
            },
            Head::TransposeRule => Ok(Op::TransposeRule { known: self.position(attributes, "known")? }),
            Head::Checkpoint => Ok(Op::Checkpoint),
            Head::Constant
            | Head::Iota
            | Head::Unary(_)
            | Head::Binary(_)
            | Head::Compare
            | Head::IsFinite
            | Head::Select
            | Head::Clamp
            | Head::Convert
            | Head::Broadcast
            | Head::Reshape
            | Head::Transpose
            | Head::Reverse
            | Head::Slice
            | Head::Pad
            | Head::Concatenate
            | Head::Reduce
            | Head::Dot
            | Head::Call => Err(self.without_kind(attributes)),
        }
    }

    fn window_dims(&mut self, attributes: &mut Attributes<'a>) -> Result<WindowDims, Failure> {
        let offset = self.axes(attributes, "offset")?;
        let collapsed = self.axes(attributes, "collapsed")?;
        let (operand_batch, indices_batch) = self.axis_pair(attributes, "batch")?;
        let map = self.axes(attributes, "map")?;
        let vector_axis = self.position(attributes, "vector_axis")?;
        let modes: Vec<&'static str> = OutOfBounds::ALL.iter().map(|mode| mode.name()).collect();
        let Some(word) = self.word(attributes, "mode", &modes)? else {
            return Err(self.missing(attributes, "mode", "clamp"));
        };
        let mode = if word == OutOfBounds::Clamp.name() { OutOfBounds::Clamp } else { OutOfBounds::Drop };
        Ok(WindowDims { offset, collapsed, operand_batch, indices_batch, map, vector_axis, mode })
    }

    fn window_spec(&mut self, attributes: &mut Attributes<'a>) -> Result<WindowSpec, Failure> {
        let axes = self.axes(attributes, "axes")?;
        let size = self.axes(attributes, "size")?.to_vec();
        let count = size.len();
        Ok(WindowSpec {
            axes,
            size: size.into(),
            stride: self.positions_or(attributes, "stride", 1, count)?,
            dilation: self.positions_or(attributes, "dilation", 1, count)?,
        })
    }

    fn pool_spec(&mut self, attributes: &mut Attributes<'a>) -> Result<PoolSpec, Failure> {
        let size = self.axes(attributes, "size")?.to_vec();
        let count = size.len();
        Ok(PoolSpec {
            size: size.into(),
            stride: self.positions_or(attributes, "stride", 1, count)?,
            low: self.padding(attributes, "low", count)?,
            high: self.padding(attributes, "high", count)?,
            base_dilation: self.positions_or(attributes, "base_dilation", 1, count)?,
            dilation: self.positions_or(attributes, "dilation", 1, count)?,
        })
    }

    fn conv(&mut self, attributes: &mut Attributes<'a>) -> Result<Op, Failure> {
        let lhs = self.axes(attributes, "lhs")?;
        let spatial = lhs.len().saturating_sub(2);
        let spec = ConvSpec {
            rhs: self.axes(attributes, "rhs")?,
            out: self.axes(attributes, "out")?,
            stride: self.positions_or(attributes, "stride", 1, spatial)?,
            low: self.padding(attributes, "low", spatial)?,
            high: self.padding(attributes, "high", spatial)?,
            lhs_dilation: self.positions_or(attributes, "lhs_dilation", 1, spatial)?,
            rhs_dilation: self.positions_or(attributes, "rhs_dilation", 1, spatial)?,
            feature_groups: self.optional_position(attributes, "feature_groups")?.unwrap_or(1),
            batch_groups: self.optional_position(attributes, "batch_groups")?.unwrap_or(1),
            lhs,
        };
        Ok(Op::Conv(Box::new(spec)))
    }

    fn scan(&mut self, attributes: &mut Attributes<'a>) -> Result<Op, Failure> {
        let length = self.position(attributes, "length")?;
        let consts = self.position(attributes, "consts")?;
        let carry = self.position(attributes, "carry")?;
        let reverse = self.flag(attributes, "reverse")?;
        let word = self.word(attributes, "checkpoint", &["recompute"])?;
        let every = self.optional_position(attributes, "checkpoint_every")?;
        let slots = self.optional_position(attributes, "checkpoint_slots")?;
        let checkpoint = match (word, every, slots) {
            (None, None, None) => Checkpointing::Store,
            (Some(_), None, None) => Checkpointing::Recompute,
            (None, Some(steps), None) => Checkpointing::Every(steps),
            (None, None, Some(slots)) => Checkpointing::Binomial(slots),
            (_, _, _) => return Err(self.refused(attributes, "more than one checkpoint policy, expected one")),
        };
        Ok(Op::Scan(Box::new(ScanSpec { length, consts, carry, reverse, checkpoint })))
    }
}
