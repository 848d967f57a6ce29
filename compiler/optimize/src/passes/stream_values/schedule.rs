//! Which total comes from which run over the blocks, and what is computed between the runs.
//!
//! *Run* `i` comes before *time* `i + 1`: what is computed outside of the cluster has the time from which on its operands are there, and a total has the run in which the
//! blocks of its operands can be computed.

use std::collections::BTreeMap;

use cranelift_entity::SecondaryMap;
use pullback_ir::{Function, Inst, Op, Value};

use super::cluster::Cluster;
use super::softmax::{Linear, Reassociated, linear, reassociated};

/// How an exit is computed.
pub(super) enum Form {
    /// As it is: the totals of blocks are combined, or the blocks are put one behind the other.
    Plain,
    /// In the run of a numerator's maximum, as the total of the factors that vary along the streamed axis, times the others. The total so
    /// far is scaled where that maximum grows.
    Linear(Linear),
    /// From another total, times the factors that do not vary.
    Reassociated(Linear, Reassociated),
}

/// When everything is computed.
pub(super) struct Schedule {
    /// How each exit is computed.
    pub(super) forms: BTreeMap<Inst, Form>,
    /// The run of each exit that comes from one.
    pub(super) run: SecondaryMap<Inst, Option<usize>>,
    /// The time of values that exist as a whole.
    pub(super) time: SecondaryMap<Value, usize>,
    /// The number of runs.
    pub(super) runs: usize,
}

impl Schedule {
    pub(super) fn of(function: &Function, cluster: &Cluster) -> Self {
        let mut scheduler = Scheduler {
            function,
            cluster,
            stage: SecondaryMap::new(),
            earlier: Vec::new(),
            found: Self { forms: BTreeMap::new(), run: SecondaryMap::new(), time: SecondaryMap::new(), runs: 0 },
        };
        for &inst in function.insts() {
            if cluster.exits.contains(inst) {
                scheduler.exit(inst);
            } else {
                scheduler.other(inst);
            }
        }
        scheduler.found
    }
}

struct Scheduler<'a> {
    function: &'a Function,
    cluster: &'a Cluster,
    /// The first run in which blocks of a value can be computed.
    stage: SecondaryMap<Value, usize>,
    /// Products that are linear in a numerator.
    earlier: Vec<(Inst, Linear)>,
    found: Schedule,
}

impl Scheduler<'_> {
    /// The first run that can read a value, along the streamed axis or as a whole.
    fn ready(&self, value: Value, along: Option<usize>) -> usize {
        if along.is_some() && self.cluster.axis[value] == along { self.stage[value] } else { self.found.time[value] }
    }

    /// The same for all operands but one.
    fn operands_ready(&self, inst: Inst, except: Option<usize>) -> usize {
        let Some(way) = &self.cluster.ways[inst] else { return 0 };
        let operands = self.function.args(inst).iter().zip(&way.operands).enumerate();
        let others = operands.filter(|&(index, _)| Some(index) != except);
        others.map(|(_, (&arg, &along))| self.ready(arg, along)).max().unwrap_or(0)
    }

    fn other(&mut self, inst: Inst) {
        let function = self.function;
        let results = function.inst_results(inst);
        if self.cluster.ways[inst].is_some() {
            let stage = self.operands_ready(inst, None);
            results.iter().for_each(|&result| self.stage[result] = stage);
        }
        let time = function.args(inst).iter().map(|&arg| self.found.time[arg]).max().unwrap_or(0);
        results.iter().for_each(|&result| self.found.time[result] = time);
    }

    fn exit(&mut self, inst: Inst) {
        let function = self.function;
        let (form, run, ready) = match linear(function, self.cluster, inst) {
            None => self.plain(inst),
            Some(linear) => {
                let rows = linear.factors.rows.iter().map(|row| self.found.time[row.value]).max().unwrap_or(0);
                match reassociated(function, self.cluster, inst, &linear, &self.earlier) {
                    Some(other) => {
                        let base = self.found.run[other.base].map_or(0, |run| run + 1);
                        let ready = base.max(self.found.time[other.x]).max(rows);
                        (Form::Reassociated(linear, other), None, ready)
                    }
                    None => match self.scaling_run(inst, &linear) {
                        Some(run) => {
                            if matches!(function.op(inst), Op::Dot(_)) {
                                self.earlier.push((inst, linear.clone()));
                            }
                            (Form::Linear(linear), Some(run), rows.max(run + 1))
                        }
                        None => self.plain(inst),
                    },
                }
            }
        };
        self.found.runs = self.found.runs.max(run.map_or(0, |run| run + 1));
        self.found.run[inst] = run;
        function.inst_results(inst).iter().for_each(|&result| self.found.time[result] = ready);
        self.found.forms.insert(inst, form);
    }

    fn plain(&self, inst: Inst) -> (Form, Option<usize>, usize) {
        let run = self.operands_ready(inst, None);
        (Form::Plain, Some(run), run + 1)
    }

    /// The run of the maximum of a numerator that a total is linear in, if all else that the total needs is there by then.
    fn scaling_run(&self, inst: Inst, linear: &Linear) -> Option<usize> {
        let along = self.cluster.axis[linear.numerator];
        let cores = linear.factors.cores.iter().filter(|&&core| core != linear.numerator);
        let ready = cores.map(|&core| self.ready(core, along)).max().unwrap_or(0);
        let ready = ready.max(self.ready(linear.parts.t, along)).max(self.operands_ready(inst, Some(linear.operand)));
        self.found.run[linear.parts.max].filter(|&run| ready <= run)
    }
}
