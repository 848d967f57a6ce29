//! Registers, through regalloc2.
//!
//! Three classes: general purpose, vectors of any width, masks. `rsp` and `rbp` are the frame's; `k0` cannot be a mask.

use regalloc2::{
    Algorithm, Block, Function, Inst, InstRange, MachineEnv, Operand, PRegSet, RegAllocError, RegClass,
    RegallocOptions, VReg,
};

use super::inst::{self, Kind, RAX, Width, general, vector};

/// A block: its instructions and where they lead.
#[derive(Default, Debug)]
pub(super) struct BlockData {
    /// Whether it is rarely run, and so placed behind those that are not.
    pub(super) is_cold: bool,
    pub(super) params: Vec<VReg>,
    pub(super) range: std::ops::Range<usize>,
    pub(super) successors: Vec<Block>,
    /// What each successor is passed.
    pub(super) arguments: Vec<Vec<VReg>>,
    pub(super) predecessors: Vec<Block>,
}

/// A function of machine instructions.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) insts: Vec<inst::Inst>,
    pub(super) blocks: Vec<BlockData>,
    pub(super) vregs: usize,
    /// Bytes of stack slots.
    pub(super) slot_bytes: u32,
    /// Bytes of parameters passed on the stack, at most.
    pub(super) outgoing_bytes: u32,
    /// Whether anything is called.
    pub(super) calls: bool,
    /// Whether parameters come on the stack.
    pub(super) has_incoming: bool,
    /// The widest vector.
    pub(super) width: Width,
}

/// Registers that a function called may change.
pub(super) fn clobbered() -> PRegSet {
    let mut set = PRegSet::empty();
    for number in [0, 1, 2, 6, 7, 8, 9, 10, 11] {
        set.add(general(number));
    }
    for number in 0..32 {
        set.add(vector(number));
    }
    for number in 1..8 {
        set.add(regalloc2::PReg::new(number, RegClass::Vector));
    }
    set
}

/// General-purpose registers that are the caller's; one that is used has to be saved.
pub(super) const PRESERVED: [usize; 5] = [3, 12, 13, 14, 15];

pub(super) fn environment() -> MachineEnv {
    let mut preferred = [PRegSet::empty(); 3];
    for number in [0, 1, 2, 6, 7, 8, 9, 10, 11] {
        preferred[0].add(general(number));
    }
    for number in 0..32 {
        preferred[1].add(vector(number));
    }
    for number in 1..8 {
        preferred[2].add(regalloc2::PReg::new(number, RegClass::Vector));
    }
    let mut others = [PRegSet::empty(); 3];
    for number in PRESERVED {
        others[0].add(general(number));
    }
    MachineEnv {
        preferred_regs_by_class: preferred,
        non_preferred_regs_by_class: others,
        scratch_by_class: [None; 3],
        fixed_stack_slots: Vec::new(),
    }
}

/// Assigns registers; the result is in the context.
pub(super) fn allocate(code: &Code, registers: &mut regalloc2::Ctx) -> Result<(), RegAllocError> {
    regalloc2::run_with_ctx(code, &environment(), &options(), registers).map(|_| ())
}

pub(super) fn options() -> RegallocOptions {
    RegallocOptions { verbose_log: false, validate_ssa: cfg!(debug_assertions), algorithm: Algorithm::Ion }
}

impl Function for Code {
    fn num_insts(&self) -> usize {
        self.insts.len()
    }

    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }

    fn entry_block(&self) -> Block {
        Block::new(0)
    }

    fn block_insns(&self, block: Block) -> InstRange {
        let range = &self.blocks[block.index()].range;
        InstRange::new(Inst::new(range.start), Inst::new(range.end))
    }

    fn block_succs(&self, block: Block) -> &[Block] {
        &self.blocks[block.index()].successors
    }

    fn block_preds(&self, block: Block) -> &[Block] {
        &self.blocks[block.index()].predecessors
    }

    fn block_params(&self, block: Block) -> &[VReg] {
        &self.blocks[block.index()].params
    }

    fn is_ret(&self, inst: Inst) -> bool {
        matches!(self.insts[inst.index()].kind, Kind::Return)
    }

    fn is_branch(&self, inst: Inst) -> bool {
        matches!(self.insts[inst.index()].kind, Kind::Jump | Kind::Branch(_))
    }

    fn branch_blockparams(&self, block: Block, _: Inst, successor: usize) -> &[VReg] {
        &self.blocks[block.index()].arguments[successor]
    }

    fn inst_operands(&self, inst: Inst) -> &[Operand] {
        &self.insts[inst.index()].operands
    }

    fn inst_clobbers(&self, inst: Inst) -> PRegSet {
        let inst = &self.insts[inst.index()];
        if !matches!(inst.kind, Kind::Call) {
            return PRegSet::empty();
        }
        let mut set = clobbered();
        // What a call returns is a definition.
        for operand in &inst.operands {
            if operand.kind() == regalloc2::OperandKind::Def {
                set.remove(if operand.class() == RegClass::Int { RAX } else { vector(0) });
            }
        }
        set
    }

    fn num_vregs(&self) -> usize {
        self.vregs
    }

    fn spillslot_size(&self, class: RegClass) -> usize {
        match class {
            RegClass::Int | RegClass::Vector => 1,
            RegClass::Float => self.width.bytes() / 8,
        }
    }
}
