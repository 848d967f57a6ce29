//! Bytes: instructions with their registers, the frame, jumps.
//!
//! The frame, from the stack pointer up: what is passed on to functions called; spilled registers, aligned to 64 bytes as vectors are best; stack slots; the
//! caller's registers. A function that has none of the first three and calls nothing has only the last.
//!
//! In functions with vectors of more than 128 bits every return, and every call, is behind a `vzeroupper`: others may use SSE instructions, which wait for the upper halves of registers
//! that are in use.

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{ExternalName, Function};
use cranelift_module::{ModuleReloc, ModuleRelocTarget};
use iced_x86::{Code as Name, Encoder, IcedError, Instruction, OpKind, Register};
use regalloc2::{Allocation, AllocationKind, Block, Edit, InstOrEdit, Output, RegClass};

use super::allocate::{Code, PRESERVED};
use super::codes;
use super::inst::{Address, Base, Inst, Kind, Size, Slot, Width};

/// Alignment of functions.
pub(super) const ALIGNMENT: u64 = 64;

/// What spilled vectors are aligned to.
const SPILL_ALIGNMENT: u32 = 64;

/// Machine code.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) relocs: Vec<ModuleReloc>,
    /// Where blocks begin.
    pub(super) blocks: Vec<usize>,
}

/// Where parts of the frame are, from the stack pointer.
struct Frame {
    spills: u32,
    slots: u32,
    bytes: u32,
    is_needed: bool,
    /// The caller's registers that are used.
    saved: Vec<Register>,
}

struct Emission<'a> {
    function: &'a Function,
    code: &'a Code,
    output: &'a Output,
    encoder: Encoder,
    frame: Frame,
    /// How much was written.
    position: usize,
    starts: Vec<usize>,
    /// Displacements of jumps that are to be filled in, and the blocks that they lead to.
    jumps: Vec<(usize, Block)>,
    relocs: Vec<ModuleReloc>,
}

/// Encodes a function the registers of which are assigned.
pub(super) fn encode(function: &Function, code: &Code, output: &Output) -> Result<Encoded, IcedError> {
    let mut emission = Emission {
        function,
        code,
        output,
        encoder: Encoder::try_new(64)?,
        frame: Frame::new(code, output),
        position: 0,
        starts: vec![0; code.blocks.len()],
        jumps: Vec::new(),
        relocs: Vec::new(),
    };
    emission.prologue()?;
    let forwards = emission.forwards();
    let blocks = (0..forwards.len()).filter(|&block| forwards[block].is_none()).map(Block::new);
    let (cold, warm): (Vec<Block>, Vec<Block>) = blocks.partition(|block| code.blocks[block.index()].is_cold);
    let order: Vec<Block> = warm.into_iter().chain(cold).collect();
    for (number, &block) in order.iter().enumerate() {
        emission.starts[block.index()] = emission.position;
        emission.block(block, order.get(number + 1).copied(), &forwards)?;
    }
    let mut bytes = emission.encoder.take_buffer();
    for (at, block) in emission.jumps {
        let distance = emission.starts[block.index()] as i64 - (at as i64 + 4);
        bytes[at..at + 4].copy_from_slice(&(distance as i32).to_le_bytes());
    }
    let mut blocks: Vec<usize> = order.iter().map(|block| emission.starts[block.index()]).collect();
    // The first has the prologue.
    blocks[0] = 0;
    Ok(Encoded { bytes, relocs: emission.relocs, blocks })
}

impl Frame {
    fn new(code: &Code, output: &Output) -> Self {
        let used = |number: usize| {
            let is = |allocation: Allocation| {
                allocation.as_reg().is_some_and(|reg| reg.class() == RegClass::Int && reg.hw_enc() == number)
            };
            let moved = |(_, edit): &(_, Edit)| {
                let Edit::Move { from, to } = *edit;
                is(from) || is(to)
            };
            output.allocs.iter().copied().any(is) || output.edits.iter().any(moved)
        };
        let saved = PRESERVED.into_iter().filter(|&number| used(number)).map(|number| register(number, Size::R64));
        let spills = code.outgoing_bytes.next_multiple_of(SPILL_ALIGNMENT);
        let slots = (spills + 8 * output.num_spillslots as u32).next_multiple_of(SPILL_ALIGNMENT);
        let bytes = (slots + code.slot_bytes).next_multiple_of(SPILL_ALIGNMENT);
        let is_needed = bytes > 0 || code.calls || code.has_incoming;
        Self { spills, slots, bytes, is_needed, saved: saved.collect() }
    }
}

/// A register by number and size.
fn register(number: usize, size: Size) -> Register {
    const R8: [Register; 16] = [
        Register::AL,
        Register::CL,
        Register::DL,
        Register::BL,
        Register::SPL,
        Register::BPL,
        Register::SIL,
        Register::DIL,
        Register::R8L,
        Register::R9L,
        Register::R10L,
        Register::R11L,
        Register::R12L,
        Register::R13L,
        Register::R14L,
        Register::R15L,
    ];
    let first = match size {
        Size::R8 => return R8[number % 16],
        Size::R32 => Register::EAX,
        Size::R64 => Register::RAX,
        Size::X => Register::XMM0,
        Size::Y => Register::YMM0,
        Size::Z => Register::ZMM0,
        Size::K => Register::K0,
    };
    first + number as u32
}

impl Emission<'_> {
    fn put(&mut self, instruction: &Instruction) -> Result<(), IcedError> {
        self.position += self.encoder.encode(instruction, self.position as u64)?;
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.encoder.write_u8(byte));
        self.position += bytes.len();
    }

    fn with(name: Name, operands: &[Register]) -> Instruction {
        let mut instruction = Instruction::new();
        instruction.set_code(name);
        for (number, &operand) in (0..).zip(operands) {
            instruction.set_op_kind(number, OpKind::Register);
            instruction.set_op_register(number, operand);
        }
        instruction
    }

    fn set_memory(
        instruction: &mut Instruction,
        operand: u32,
        base: Register,
        index: Option<(Register, u8)>,
        offset: i32,
    ) {
        instruction.set_op_kind(operand, OpKind::Memory);
        instruction.set_memory_base(base);
        if let Some((index, scale)) = index {
            instruction.set_memory_index(index);
            instruction.set_memory_index_scale(u32::from(scale));
        }
        if offset != 0 {
            instruction.set_memory_displ_size(1);
            instruction.set_memory_displacement64(i64::from(offset).cast_unsigned());
        }
    }

    fn zero_upper(&mut self) -> Result<(), IcedError> {
        if self.code.width == Width::X { Ok(()) } else { self.put(&Self::with(Name::VEX_Vzeroupper, &[])) }
    }

    fn prologue(&mut self) -> Result<(), IcedError> {
        if self.frame.is_needed {
            self.put(&Self::with(Name::Push_r64, &[Register::RBP]))?;
            self.put(&Self::with(Name::Mov_r64_rm64, &[Register::RBP, Register::RSP]))?;
        }
        for saved in self.frame.saved.clone() {
            self.put(&Self::with(Name::Push_r64, &[saved]))?;
        }
        if self.frame.is_needed {
            let mut down = Self::with(Name::Sub_rm64_imm32, &[Register::RSP]);
            down.set_op_kind(1, OpKind::Immediate32to64);
            down.set_immediate32to64(i64::from(self.frame.bytes));
            self.put(&down)?;
            let mut align = Self::with(Name::And_rm64_imm8, &[Register::RSP]);
            align.set_op_kind(1, OpKind::Immediate8to64);
            align.set_immediate8to64(-i64::from(SPILL_ALIGNMENT));
            self.put(&align)?;
        }
        Ok(())
    }

    fn epilogue(&mut self) -> Result<(), IcedError> {
        if self.frame.is_needed {
            let mut up = Self::with(Name::Lea_r64_m, &[Register::RSP]);
            let saved = 8 * self.frame.saved.len() as i32;
            Self::set_memory(&mut up, 1, Register::RBP, None, -saved);
            self.put(&up)?;
        }
        for saved in self.frame.saved.clone().into_iter().rev() {
            self.put(&Self::with(Name::Pop_r64, &[saved]))?;
        }
        if self.frame.is_needed {
            self.put(&Self::with(Name::Pop_r64, &[Register::RBP]))?;
        }
        self.zero_upper()?;
        self.put(&Self::with(Name::Retnq, &[]))
    }

    /// For each block that does nothing the one that it jumps to. There are no circles of them: a step back leads to a block that does something.
    fn forwards(&self) -> Vec<Option<Block>> {
        let blocks = (0..self.code.blocks.len()).map(Block::new);
        let targets: Vec<Option<Block>> = blocks.map(|block| self.jumps_to(block)).collect();
        let is_forward =
            |&(block, target): &(usize, Block)| target.index() > block || targets[target.index()].is_none();
        let forward = |(block, target): (usize, &Option<Block>)| target.filter(|&target| is_forward(&(block, target)));
        targets.iter().enumerate().map(forward).collect()
    }

    /// The block that a block which does nothing else jumps to.
    fn jumps_to(&self, block: Block) -> Option<Block> {
        let data = &self.code.blocks[block.index()];
        let is_jump = data.range.len() == 1 && matches!(self.code.insts[data.range.start].kind, Kind::Jump);
        let mut content = self.output.block_insts_and_edits(self.code, block);
        let is_empty = block.index() > 0 && is_jump && matches!(content.next(), Some(InstOrEdit::Inst(_)));
        is_empty.then(|| data.successors[0])
    }

    fn block(&mut self, block: Block, next: Option<Block>, forwards: &[Option<Block>]) -> Result<(), IcedError> {
        let (code, output) = (self.code, self.output);
        for content in output.block_insts_and_edits(code, block) {
            match content {
                InstOrEdit::Edit(&Edit::Move { from, to }) => self.move_value(from, to)?,
                InstOrEdit::Inst(number) => {
                    let inst = &code.insts[number.index()];
                    let allocations = output.inst_allocs(number);
                    match &inst.kind {
                        Kind::Machine(name) => self.machine(*name, inst, allocations)?,
                        Kind::Params => {}
                        Kind::Return => self.epilogue()?,
                        Kind::Symbol(name) => self.symbol(name, allocations)?,
                        Kind::Call => self.call(allocations)?,
                        Kind::Jump | Kind::Branch(_) => {
                            let follow = |&successor: &Block| {
                                // A chain ends: each goes to a block that is no earlier one of it, as a loop has more than jumps.
                                let mut target = successor;
                                for _ in 0..forwards.len() {
                                    match forwards[target.index()] {
                                        Some(further) => target = further,
                                        None => break,
                                    }
                                }
                                target
                            };
                            let targets: Vec<Block> =
                                code.blocks[block.index()].successors.iter().map(follow).collect();
                            self.jump(&inst.kind, &targets, next);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn jump(&mut self, kind: &Kind, targets: &[Block], next: Option<Block>) {
        match (kind, targets) {
            (Kind::Branch(condition), &[then, otherwise]) => {
                if next == Some(then) {
                    self.jump_if(*condition as u8, true, otherwise);
                } else {
                    self.jump_if(*condition as u8, false, then);
                    if next != Some(otherwise) {
                        self.jump_to(otherwise);
                    }
                }
            }
            (_, &[target, ..]) if next != Some(target) => self.jump_to(target),
            (_, _) => {}
        }
    }

    fn jump_to(&mut self, target: Block) {
        self.bytes(&[0xe9, 0, 0, 0, 0]);
        self.jumps.push((self.position - 4, target));
    }

    fn jump_if(&mut self, condition: u8, negated: bool, target: Block) {
        self.bytes(&[0x0f, 0x80 | (condition ^ u8::from(negated)), 0, 0, 0, 0]);
        self.jumps.push((self.position - 4, target));
    }

    fn symbol(&mut self, name: &ExternalName, allocations: &[Allocation]) -> Result<(), IcedError> {
        let mut address = Self::with(Name::Mov_r64_imm64, &[allocated(allocations[0], Size::R64)]);
        address.set_op_kind(1, OpKind::Immediate64);
        self.put(&address)?;
        if let ExternalName::User(name) = name {
            let name = &self.function.params.user_named_funcs()[*name];
            let name = ModuleRelocTarget::user(name.namespace, name.index);
            self.relocs.push(ModuleReloc { offset: self.position as u32 - 8, kind: Reloc::Abs8, name, addend: 0 });
        }
        Ok(())
    }

    fn call(&mut self, allocations: &[Allocation]) -> Result<(), IcedError> {
        self.zero_upper()?;
        self.put(&Self::with(Name::Call_rm64, &[allocated(allocations[0], Size::R64)]))
    }

    fn machine(&mut self, name: Name, inst: &Inst, allocations: &[Allocation]) -> Result<(), IcedError> {
        let mut instruction = Instruction::new();
        instruction.set_code(name);
        for (number, slot) in (0..).zip(&inst.slots) {
            let kind = match *slot {
                Slot::Reg(operand, size) => {
                    instruction.set_op_kind(number, OpKind::Register);
                    instruction.set_op_register(number, allocated(allocations[usize::from(operand)], size));
                    continue;
                }
                Slot::Memory => {
                    self.memory(&mut instruction, number, inst, allocations);
                    continue;
                }
                Slot::Imm8(_) => OpKind::Immediate8,
                Slot::Imm32(_) => OpKind::Immediate32,
                Slot::Imm32To64(_) => OpKind::Immediate32to64,
                Slot::Imm64(_) => OpKind::Immediate64,
            };
            instruction.set_op_kind(number, kind);
            match *slot {
                Slot::Imm8(value) => instruction.set_immediate8(value),
                Slot::Imm32(value) => instruction.set_immediate32(value.cast_unsigned()),
                Slot::Imm32To64(value) => instruction.set_immediate32to64(i64::from(value)),
                Slot::Imm64(value) => instruction.set_immediate64(value.cast_unsigned()),
                Slot::Reg(..) | Slot::Memory => {}
            }
        }
        instruction.set_is_broadcast(inst.broadcast);
        if let Some((operand, zeroing)) = inst.mask {
            instruction.set_op_mask(allocated(allocations[usize::from(operand)], Size::K));
            instruction.set_zeroing_masking(zeroing);
        }
        self.put(&instruction)
    }

    fn memory(&self, instruction: &mut Instruction, number: u32, inst: &Inst, allocations: &[Allocation]) {
        let Some(Address { base, index, offset }) = inst.memory else { return };
        let reg = |operand: u8| allocated(allocations[usize::from(operand)], Size::R64);
        let (base, offset) = match base {
            Base::Reg(operand) => (reg(operand), offset),
            Base::Slots => (Register::RSP, offset + self.frame.slots as i32),
            Base::Outgoing => (Register::RSP, offset),
            // Behind the saved frame pointer and the return address.
            Base::Incoming => (Register::RBP, offset + 16),
        };
        let index = index.map(|(operand, scale)| (reg(operand), scale));
        Self::set_memory(instruction, number, base, index, offset);
    }

    fn move_value(&mut self, from: Allocation, to: Allocation) -> Result<(), IcedError> {
        let class = from.as_reg().or(to.as_reg()).map_or(RegClass::Int, |reg| reg.class());
        let (size, within, store, load) = match class {
            RegClass::Int => (Size::R64, Name::Mov_r64_rm64, Name::Mov_rm64_r64, Name::Mov_r64_rm64),
            RegClass::Float => {
                let width = self.code.width;
                let load = codes::at(Name::EVEX_Vmovaps_xmm_k1z_xmmm128, width);
                (width.size(), load, codes::at(Name::EVEX_Vmovaps_xmmm128_k1z_xmm, width), load)
            }
            RegClass::Vector => (Size::K, Name::VEX_Kmovq_kr_km64, Name::VEX_Kmovq_m64_kr, Name::VEX_Kmovq_kr_km64),
        };
        let offset =
            |slot: Allocation| slot.as_stack().map_or(0, |slot| self.frame.spills as i32 + 8 * slot.index() as i32);
        let instruction = match (from.kind(), to.kind()) {
            (AllocationKind::Reg, AllocationKind::Reg) => {
                Self::with(within, &[allocated(to, size), allocated(from, size)])
            }
            (AllocationKind::Reg, _) => {
                let mut instruction = Instruction::new();
                instruction.set_code(store);
                Self::set_memory(&mut instruction, 0, Register::RSP, None, offset(to));
                instruction.set_op_kind(1, OpKind::Register);
                instruction.set_op_register(1, allocated(from, size));
                instruction
            }
            (_, _) => {
                let mut instruction = Self::with(load, &[allocated(to, size)]);
                Self::set_memory(&mut instruction, 1, Register::RSP, None, offset(from));
                instruction
            }
        };
        self.put(&instruction)
    }
}

/// The register of an operand. All operands ask for one.
fn allocated(allocation: Allocation, size: Size) -> Register {
    allocation.as_reg().map_or(Register::None, |reg| register(reg.hw_enc(), size))
}
