//! How values are used: what is not needed, what can be an operand in memory, and what is an address alone.

use cranelift_codegen::entity::{EntitySet, SecondaryMap};
use cranelift_codegen::ir::{Block, Function, Inst, InstructionData, Opcode, Value, ValueDef, types};

use crate::wide::intrinsics::Intrinsic;

/// The largest shift of an index in an address.
const MAX_SCALE: i64 = 3;

/// What was found out about a function.
pub(super) struct Uses {
    count: SecondaryMap<Value, u32>,
    /// One of the instructions that use a value.
    user: SecondaryMap<Value, Option<Inst>>,
    /// Sums and shifts that are not in addresses alone.
    computed: EntitySet<Value>,
    /// The block of an instruction, and the number of those before that may write to memory.
    place: SecondaryMap<Inst, Option<(Block, u32)>>,
    dead: EntitySet<Inst>,
}

/// The instruction that a value is the result of.
pub(super) fn definition(func: &Function, value: Value) -> Option<Inst> {
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => Some(inst),
        ValueDef::Param(..) | ValueDef::Union(..) => None,
    }
}

/// The intrinsic that an instruction is.
pub(super) fn intrinsic(func: &Function, inst: Inst) -> Option<Intrinsic> {
    match func.dfg.insts[inst] {
        InstructionData::Call { func_ref, .. } => Intrinsic::named(func, &func.dfg.ext_funcs[func_ref].name),
        _ => None,
    }
}

/// The value of an integer constant, extended by its sign.
pub(super) fn integer(func: &Function, value: Value) -> Option<i64> {
    let InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } = func.dfg.insts[definition(func, value)?] else {
        return None;
    };
    let unused = 64 - func.dfg.value_type(value).bits();
    Some(imm.bits() << unused >> unused)
}

/// The operands of a sum, or value and amount of a shift that an address can have.
pub(super) fn in_address(func: &Function, inst: Inst) -> bool {
    let args = func.dfg.inst_args(inst);
    match func.dfg.insts[inst].opcode() {
        Opcode::Iadd => func.dfg.value_type(args[0]) == types::I64,
        Opcode::Ishl => {
            func.dfg.value_type(args[0]) == types::I64
                && integer(func, args[1]).is_some_and(|amount| (0..=MAX_SCALE).contains(&amount))
        }
        _ => false,
    }
}

fn is_pure(func: &Function, inst: Inst) -> bool {
    let opcode = func.dfg.insts[inst].opcode();
    if opcode.is_call() {
        return intrinsic(func, inst).is_some();
    }
    !opcode.can_store() && !opcode.other_side_effects() && !opcode.is_terminator() && !opcode.is_branch()
}

impl Uses {
    pub(super) fn of(func: &Function) -> Self {
        let mut uses = Self {
            count: SecondaryMap::new(),
            user: SecondaryMap::new(),
            computed: EntitySet::new(),
            place: SecondaryMap::new(),
            dead: EntitySet::new(),
        };
        let mut unused = Vec::new();
        for block in func.layout.blocks() {
            let mut writes = 0;
            for inst in func.layout.block_insts(block) {
                uses.place[inst] = Some((block, writes));
                let opcode = func.dfg.insts[inst].opcode();
                writes += u32::from(opcode.can_store() || opcode.is_call() && intrinsic(func, inst).is_none());
                func.dfg.inst_values(inst).for_each(|value| uses.count[value] += 1);
            }
        }
        for inst in func.layout.blocks().flat_map(|block| func.layout.block_insts(block)) {
            if is_pure(func, inst) && func.dfg.inst_results(inst).iter().all(|&result| uses.count[result] == 0) {
                unused.push(inst);
            }
        }
        while let Some(inst) = unused.pop() {
            uses.dead.insert(inst);
            for value in func.dfg.inst_values(inst) {
                uses.count[value] -= 1;
                if uses.count[value] == 0
                    && let Some(before) = definition(func, value)
                    && is_pure(func, before)
                    && func.dfg.inst_results(before).iter().all(|&result| uses.count[result] == 0)
                {
                    unused.push(before);
                }
            }
        }
        for inst in func.layout.blocks().flat_map(|block| func.layout.block_insts(block)) {
            if !uses.dead.contains(inst) {
                func.dfg.inst_values(inst).for_each(|value| uses.user[value] = Some(inst));
            }
        }
        uses.find_computed(func);
        uses
    }

    /// Sums and shifts that are used otherwise than in addresses of their own block.
    fn find_computed(&mut self, func: &Function) {
        let block_of = |uses: &Self, inst: Inst| uses.place[inst].map(|(block, _)| block);
        let live = |uses: &Self, inst: Inst| !uses.dead.contains(inst);
        for inst in func.layout.blocks().flat_map(|block| func.layout.block_insts(block)) {
            if !live(self, inst) {
                continue;
            }
            let opcode = func.dfg.insts[inst].opcode();
            for (number, value) in func.dfg.inst_values(inst).enumerate() {
                let Some(source) = definition(func, value) else { continue };
                let is_pointer = match opcode {
                    Opcode::Load => number == 0,
                    Opcode::Store | Opcode::Istore8 | Opcode::Istore16 | Opcode::Istore32 => number == 1,
                    // Decided below.
                    Opcode::Iadd => true,
                    _ => false,
                };
                if !is_pointer || block_of(self, source) != block_of(self, inst) {
                    self.computed.insert(value);
                }
            }
        }
        for block in func.layout.blocks() {
            let mut next = func.layout.last_inst(block);
            while let Some(inst) = next {
                next = func.layout.prev_inst(inst);
                if func.dfg.insts[inst].opcode() != Opcode::Iadd || !live(self, inst) {
                    continue;
                }
                let is_computed = self.computed.contains(func.dfg.inst_results(inst)[0]) || !in_address(func, inst);
                for &value in func.dfg.inst_args(inst) {
                    let is_sum =
                        definition(func, value).is_some_and(|source| func.dfg.insts[source].opcode() == Opcode::Iadd);
                    if is_computed || is_sum {
                        self.computed.insert(value);
                    }
                }
            }
        }
    }

    pub(super) fn is_dead(&self, inst: Inst) -> bool {
        self.dead.contains(inst)
    }

    /// Whether a sum or shift occurs in addresses alone, which compute it themselves.
    pub(super) fn is_address(&self, func: &Function, inst: Inst) -> bool {
        in_address(func, inst) && !self.computed.contains(func.dfg.inst_results(inst)[0])
    }

    /// Whether a value is used once, under whatever types.
    pub(super) fn is_single(&self, func: &Function, value: Value) -> bool {
        self.count[value] == 1
            && self.user[value].is_none_or(|user| {
                func.dfg.insts[user].opcode() != Opcode::Bitcast || self.is_single(func, func.dfg.inst_results(user)[0])
            })
    }

    /// The instruction that uses a value which is used once, past changes of type and copies to lanes.
    pub(super) fn single_user(&self, func: &Function, value: Value) -> Option<Inst> {
        let user = self.user[value].filter(|_| self.count[value] == 1)?;
        match func.dfg.insts[user].opcode() {
            Opcode::Bitcast => self.single_user(func, func.dfg.inst_results(user)[0]),
            // Used several times, the copy is made once.
            Opcode::Splat => self.single_user(func, func.dfg.inst_results(user)[0]).or(Some(user)),
            _ => Some(user),
        }
    }

    /// Whether a load can wait until its only use.
    pub(super) fn can_wait(&self, func: &Function, load: Inst) -> bool {
        let Some(user) = self.single_user(func, func.dfg.inst_results(load)[0]) else { return false };
        let (Some((block, writes)), Some((at, later))) = (self.place[load], self.place[user]) else { return false };
        let is_readonly = func.dfg.insts[load].memflags().is_some_and(|flags| func.dfg.mem_flags[flags].readonly());
        block == at && (is_readonly || writes == later)
    }

    /// Whether what a load gives, which `by` uses and waits itself, is the same where `by` is used.
    pub(super) fn stays(&self, func: &Function, load: Inst, by: Inst) -> bool {
        let is_readonly = func.dfg.insts[load].memflags().is_some_and(|flags| func.dfg.mem_flags[flags].readonly());
        let Some(user) = self.single_user(func, func.dfg.inst_results(by)[0]) else { return false };
        let (Some((block, _)), Some((at, _))) = (self.place[load], self.place[user]) else { return false };
        is_readonly && block == at
    }
}
