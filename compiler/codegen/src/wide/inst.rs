//! Machine instructions before registers are assigned.
//!
//! An instruction is an encoding by name (`iced_x86::Code`), what the register allocator is told of it, and its operands in the encoding's order, which refer to the
//! allocator's by number. The allocator sees every register that is read or written, those of an address too; flags it knows nothing of, and whoever sets them has
//! the instruction that reads them follow at once: what the allocator puts between is moves alone, which leave flags as they are.

use cranelift_codegen::ir::ExternalName;
use iced_x86::Code;
use regalloc2::{Operand, PReg, RegClass, VReg};
use smallvec::SmallVec;

/// The name a register has in an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Size {
    R8,
    R32,
    R64,
    X,
    Y,
    Z,
    K,
}

/// The width of a vector register. Scalars and vectors of less than 128 bits are in one of those.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Width {
    X,
    Y,
    Z,
}

impl Width {
    /// The width that holds so many bits.
    pub(super) const fn of_bits(bits: u32) -> Self {
        match bits {
            0..=128 => Self::X,
            129..=256 => Self::Y,
            _ => Self::Z,
        }
    }

    pub(super) const fn bytes(self) -> usize {
        16 << self as usize
    }

    pub(super) const fn size(self) -> Size {
        match self {
            Self::X => Size::X,
            Self::Y => Size::Y,
            Self::Z => Size::Z,
        }
    }
}

/// An operand of an encoding.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    /// The register of an operand of the allocator.
    Reg(u8, Size),
    Memory,
    Imm8(u8),
    Imm32(i32),
    Imm32To64(i32),
    Imm64(i64),
}

/// What an address begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Base<R> {
    Reg(R),
    /// The function's stack slots.
    Slots,
    /// What the function passes on the stack.
    Outgoing,
    /// What the function is passed on the stack.
    Incoming,
}

/// An address: `base + index · scale + offset`, of registers `R`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Address<R> {
    pub(super) base: Base<R>,
    pub(super) index: Option<(R, u8)>,
    pub(super) offset: i32,
}

impl Address<VReg> {
    pub(super) const fn at(base: Base<VReg>, offset: i32) -> Self {
        Self { base, index: None, offset }
    }
}

/// A vector or scalar operand that may be in memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rm {
    Reg(VReg),
    Memory(Address<VReg>),
    /// One element of memory, in all lanes.
    Broadcast(Address<VReg>),
}

/// What flags say, by the numbers in encodings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(dead_code, reason = "the numbers of those in use depend on the others")]
pub(super) enum Condition {
    O,
    No,
    B,
    Ae,
    E,
    Ne,
    Be,
    A,
    S,
    Ns,
    P,
    Np,
    L,
    Ge,
    Le,
    G,
}

/// What an instruction is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Machine(Code),
    /// Defines the parameters that come in registers.
    Params,
    Jump,
    /// To the first successor if the condition holds, else to the second.
    Branch(Condition),
    Return,
    /// The address of a symbol.
    Symbol(ExternalName),
    /// Calls what the first operand points to.
    Call,
}

#[derive(Clone, Debug)]
pub(super) struct Inst {
    pub(super) kind: Kind,
    pub(super) operands: SmallVec<[Operand; 4]>,
    pub(super) slots: SmallVec<[Slot; 4]>,
    pub(super) memory: Option<Address<u8>>,
    pub(super) broadcast: bool,
    /// The operand that is the mask, and whether the lanes without it become zero.
    pub(super) mask: Option<(u8, bool)>,
}

impl Inst {
    pub(super) fn of(kind: Kind) -> Self {
        let (operands, slots) = (SmallVec::new(), SmallVec::new());
        Self { kind, operands, slots, memory: None, broadcast: false, mask: None }
    }

    pub(super) fn new(code: Code) -> Self {
        Self::of(Kind::Machine(code))
    }

    fn operand(&mut self, operand: Operand) -> u8 {
        self.operands.push(operand);
        (self.operands.len() - 1) as u8
    }

    /// The next operand is written.
    pub(super) fn def(mut self, reg: VReg, size: Size) -> Self {
        let operand = self.operand(Operand::reg_def(reg));
        self.slots.push(Slot::Reg(operand, size));
        self
    }

    /// The next operand is read as `from` and written as `to`.
    pub(super) fn modify(mut self, to: VReg, from: VReg, size: Size) -> Self {
        let from = self.operand(Operand::reg_use(from));
        let to = self.operand(Operand::reg_reuse_def(to, usize::from(from)));
        self.slots.push(Slot::Reg(to, size));
        self
    }

    /// The next operand is read.
    pub(super) fn reg(mut self, reg: VReg, size: Size) -> Self {
        let operand = self.operand(Operand::reg_use(reg));
        self.slots.push(Slot::Reg(operand, size));
        self
    }

    /// The next operand is the register of the first once more.
    pub(super) fn same(mut self) -> Self {
        self.slots.extend(self.slots.first().copied());
        self
    }

    pub(super) fn imm(mut self, slot: Slot) -> Self {
        self.slots.push(slot);
        self
    }

    /// The next operand is in memory.
    pub(super) fn memory(mut self, Address { base, index, offset }: Address<VReg>) -> Self {
        let base = match base {
            Base::Reg(reg) => Base::Reg(self.operand(Operand::reg_use(reg))),
            Base::Slots => Base::Slots,
            Base::Outgoing => Base::Outgoing,
            Base::Incoming => Base::Incoming,
        };
        let index = index.map(|(reg, scale)| (self.operand(Operand::reg_use(reg)), scale));
        self.memory = Some(Address { base, index, offset });
        self.slots.push(Slot::Memory);
        self
    }

    pub(super) fn rm(self, rm: Rm, size: Size) -> Self {
        match rm {
            Rm::Reg(reg) => self.reg(reg, size),
            Rm::Memory(address) => self.memory(address),
            Rm::Broadcast(address) => {
                let mut inst = self.memory(address);
                inst.broadcast = true;
                inst
            }
        }
    }

    /// Under a mask.
    pub(super) fn mask(mut self, mask: VReg, zeroing: bool) -> Self {
        let operand = self.operand(Operand::reg_use(mask));
        self.mask = Some((operand, zeroing));
        self
    }

    /// Reads a register that has to be a given one.
    pub(super) fn fixed_use(mut self, reg: VReg, at: PReg) -> Self {
        self.operand(Operand::reg_fixed_use(reg, at));
        self
    }

    /// Writes a register that has to be a given one.
    pub(super) fn fixed_def(mut self, reg: VReg, at: PReg) -> Self {
        self.operand(Operand::reg_fixed_def(reg, at));
        self
    }
}

/// A general-purpose register, by number.
pub(super) const fn general(number: usize) -> PReg {
    PReg::new(number, RegClass::Int)
}

/// A vector register, by number.
pub(super) const fn vector(number: usize) -> PReg {
    PReg::new(number, RegClass::Float)
}

pub(super) const RAX: PReg = general(0);
pub(super) const RCX: PReg = general(1);
pub(super) const RDX: PReg = general(2);
const RSI: PReg = general(6);
const RDI: PReg = general(7);
/// Those that the first parameters are passed in, by the System V calling convention.
pub(super) const PARAMS: [PReg; 6] = [RDI, RSI, RDX, RCX, general(8), general(9)];
