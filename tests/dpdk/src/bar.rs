//! A BAR whose every access is made on the model.
//!
//! Its memory may be neither read nor written. The processor faults on an access; the signal handler decodes the
//! instruction, makes the access on the function, puts what was read into the register that asked for it, and goes on
//! behind the instruction. To the program it looks as if a device had answered.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::{OnceLock, PoisonError, RwLock};

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Register};

use crate::function::Function;

/// The longest instruction, in bytes.
const LONGEST: usize = 15;
const PAGE: usize = 4096;

/// Where each function's BAR is. They stay for good: a process that still has the address of one must not find other
/// memory there.
static BARS: RwLock<Vec<(usize, Function)>> = RwLock::new(Vec::new());

/// What was to be done with faults before: for those that are none of ours. Set once the handler is installed.
static OTHERS: OnceLock<Result<libc::sigaction, io::ErrorKind>> = OnceLock::new();

/// Makes the BAR of `function`, and gives its address.
pub(crate) fn map(function: Function) -> io::Result<NonNull<libc::c_void>> {
    if let Err(kind) = OTHERS.get_or_init(install) {
        return Err((*kind).into());
    }
    // SAFETY: a new mapping at a place that the system chooses.
    let base = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        libc::mmap(ptr::null_mut(), function.bar_size(), libc::PROT_NONE, flags, -1, 0)
    };
    let base =
        NonNull::new(base).filter(|base| base.as_ptr() != libc::MAP_FAILED).ok_or_else(io::Error::last_os_error)?;
    BARS.write().unwrap_or_else(PoisonError::into_inner).push((base.as_ptr() as usize, function));
    Ok(base)
}

fn install() -> Result<libc::sigaction, io::ErrorKind> {
    // SAFETY: all zeros is a valid structure: no flags, no signals, the default action.
    let (mut action, mut before): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
    action.sa_sigaction = trap as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: both structures are valid, and `trap` has the signature that SA_SIGINFO asks for.
    match unsafe { libc::sigaction(libc::SIGSEGV, &action, &mut before) } {
        0 => Ok(before),
        _ => Err(io::Error::last_os_error().kind()),
    }
}

/// The signal handler. It runs on the thread that made the access, in the middle of that instruction: not within the
/// model or the allocator, which touch no BAR, so it may use both.
///
/// # Safety
///
/// The system calls it, as SA_SIGINFO says.
unsafe extern "C" fn trap(_signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system gives both, and nobody else has them.
    let (address, context) = unsafe { ((*info).si_addr() as usize, &mut *context.cast::<libc::ucontext_t>()) };
    let found = {
        let bars = BARS.read().unwrap_or_else(PoisonError::into_inner);
        bars.iter().find(|(base, function)| (*base..*base + function.bar_size()).contains(&address)).cloned()
    };
    let Some((base, function)) = found else {
        // A fault of somebody else's: it happens again, and is theirs then.
        if let Some(Ok(others)) = OTHERS.get() {
            // SAFETY: the action that was there before.
            unsafe { libc::sigaction(libc::SIGSEGV, others, ptr::null_mut()) };
        }
        return;
    };
    let vectors = context.uc_mcontext.fpregs;
    let registers = &mut context.uc_mcontext.gregs;
    let instruction = decode(registers[libc::REG_RIP as usize] as usize);
    // Registers are words.
    let offset = (address - base) as u32;
    let access = Access::of(&instruction).filter(|_| address.is_multiple_of(4));
    match access {
        Some(Access::Load(to)) => {
            registers[to] = i64::from(function.read32(offset));
        }
        Some(Access::Store(source)) => {
            let value = match source {
                Source::Register(from) => registers[from] as u32,
                // SAFETY: the system saved the state of the vector unit with the context, which lives on.
                Source::Vector(from) => unsafe { (*vectors)._xmm[from].element[0] },
                Source::Constant(value) => value,
            };
            // SAFETY: the port reaches only memory that was mapped for it, which is DPDK's for DMA.
            unsafe { function.write32(offset, value) };
        }
        None => {
            eprintln!("error: {:?} at {offset:#x} is no load or store of a register", instruction.code());
            std::process::abort();
        }
    }
    registers[libc::REG_RIP as usize] = instruction.next_ip() as i64;
}

/// The instruction at `address`, which the processor has just tried to run.
fn decode(address: usize) -> Instruction {
    // No further than the page at first: what is behind it may not be there.
    for len in [LONGEST.min(PAGE - address % PAGE), LONGEST] {
        // SAFETY: these bytes are code that the processor has read, because it is to run them.
        let code = unsafe { std::slice::from_raw_parts(address as *const u8, len) };
        let instruction = Decoder::with_ip(64, code, address as u64, DecoderOptions::NONE).decode();
        if !instruction.is_invalid() {
            return instruction;
        }
    }
    Instruction::default()
}

/// What an instruction does to a register of the device. Processor registers are indices of `gregs`.
#[derive(Debug, Clone, Copy)]
enum Access {
    Load(usize),
    Store(Source),
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Register(usize),
    /// The lowest 32 bits of a vector register.
    Vector(usize),
    Constant(u32),
}

impl Access {
    /// The moves of 32 bits, which is what a compiler makes of a volatile access. `None` for all else.
    fn of(instruction: &Instruction) -> Option<Self> {
        Some(match instruction.code() {
            Code::Mov_r32_rm32 => Self::Load(greg(instruction.op0_register())?),
            // The latter is what DPDK writes a tail with, where the processor has it.
            Code::Mov_rm32_r32 | Code::Movdiri_m32_r32 => {
                Self::Store(Source::Register(greg(instruction.op1_register())?))
            }
            // What it writes registers of a filter with, when the values were computed in vector registers.
            Code::Movd_rm32_xmm | Code::VEX_Vmovd_rm32_xmm => {
                Self::Store(Source::Vector(vector(instruction.op1_register())?))
            }
            Code::Mov_rm32_imm32 => Self::Store(Source::Constant(instruction.immediate32())),
            _ => return None,
        })
    }
}

/// Where the context of a signal has a vector register.
fn vector(register: Register) -> Option<usize> {
    (register as usize).checked_sub(Register::XMM0 as usize).filter(|index| *index < 16)
}

/// Where the context of a signal has a processor register.
fn greg(register: Register) -> Option<usize> {
    let index = match register {
        Register::EAX => libc::REG_RAX,
        Register::EBX => libc::REG_RBX,
        Register::ECX => libc::REG_RCX,
        Register::EDX => libc::REG_RDX,
        Register::ESI => libc::REG_RSI,
        Register::EDI => libc::REG_RDI,
        Register::EBP => libc::REG_RBP,
        Register::ESP => libc::REG_RSP,
        Register::R8D => libc::REG_R8,
        Register::R9D => libc::REG_R9,
        Register::R10D => libc::REG_R10,
        Register::R11D => libc::REG_R11,
        Register::R12D => libc::REG_R12,
        Register::R13D => libc::REG_R13,
        Register::R14D => libc::REG_R14,
        Register::R15D => libc::REG_R15,
        _ => return None,
    };
    Some(index as usize)
}

#[cfg(test)]
mod tests {
    use std::arch::asm;
    use std::os::unix::process::ExitStatusExt;

    use ixgbe::mmio::{Mmio, Offset};
    use ixgbe::runtime::bus::Bus;
    use ixgbe_sim::{HostConfig, Port, PortConfig};

    use super::*;

    const STATUS: u32 = 0x00008;
    const SWSM: u32 = 0x10140;
    const EERD: u32 = 0x10014;

    const SIZE: usize = 512 << 10;

    fn at(offset: u32) -> Offset {
        Offset::new(offset).unwrap()
    }

    #[test]
    fn what_a_load_and_a_store_do_is_done_to_the_port() {
        let port = Port::new(PortConfig { lan_id: 1, ..PortConfig::default() });
        let base = map(Function::Physical(port.clone())).unwrap();
        // SAFETY: the BAR stays, and is as long as registers need.
        let bar = unsafe { Mmio::new(base.cast(), SIZE) }.unwrap();
        assert_eq!(bar.read(at(STATUS)), port.peek(at(STATUS)));
        assert_ne!(bar.read(at(STATUS)), 0);
        // Reading takes the semaphore: the second reader finds it taken (8.2.3.4.9).
        assert_eq!((bar.read(at(SWSM)) & 1, bar.read(at(SWSM)) & 1), (0, 1));
        // SAFETY: neither register starts DMA.
        unsafe {
            bar.write(at(SWSM), 0);
            bar.write(at(EERD), 0x3F << 2);
        }
        assert_eq!((port.peek(at(SWSM)) & 1, port.peek(at(EERD))), (0, 0x3F << 2));
        // Beyond the registers nothing answers.
        // SAFETY: within the BAR.
        assert_eq!(unsafe { base.cast::<u32>().add(SIZE / 4 - 1).read_volatile() }, 0);
        assert_eq!(port.violations(), []);
    }

    #[test]
    fn a_virtual_function_has_registers_of_its_own() {
        let port = Port::new(PortConfig::default());
        let function = port.host(HostConfig::default()).unwrap().remove(0);
        let base = map(Function::Virtual(function)).unwrap().cast::<u32>();
        let word = |offset: usize| {
            // SAFETY: a word within the BAR.
            unsafe { base.add(offset / 4) }
        };
        // SAFETY: as above. The mailbox starts no DMA.
        unsafe {
            word(0x2FC).write_volatile(1 << 2);
            assert_eq!(word(0x2FC).read_volatile() & 0xC, 1 << 2, "VFU is taken");
            word(0x200).write_volatile(0x77);
            assert_eq!((word(0x200).read_volatile(), word(0x3FFC).read_volatile()), (0x77, 0));
        }
    }

    #[test]
    fn every_processor_register_takes_and_gives_its_value() {
        let port = Port::new(PortConfig::default());
        let base = map(Function::Physical(port.clone())).unwrap().as_ptr() as u64;
        macro_rules! try_registers {
            ($($register:tt)*) => {$({
                let status = base + u64::from(STATUS);
                let value = u32::from($register.as_bytes()[1]) << 2;
                let read: u64;
                // SAFETY: a load and a store within the BAR, of registers that start no DMA.
                unsafe {
                    asm!(concat!("mov ", $register, "d, dword ptr [{0}]"), in(reg) status, out($register) read);
                    asm!(concat!("mov dword ptr [{0}], ", $register, "d"), in(reg) base + u64::from(EERD), in($register) u64::from(value));
                }
                assert_eq!((read, port.peek(at(EERD))), (u64::from(port.peek(at(STATUS))), value), "{}", $register);
            })*};
        }
        try_registers!("r8" "r9" "r10" "r11" "r12" "r13" "r14" "r15");
        let read: u64;
        // SAFETY: as above. All of the register is written by a load of 32 bits.
        unsafe { asm!("mov eax, dword ptr [{0}]", in(reg) base + u64::from(STATUS), inout("rax") u64::MAX => read) };
        assert_eq!(read, u64::from(port.peek(at(STATUS))));
        // SAFETY: as above.
        unsafe { asm!("mov dword ptr [{0} + 4 * {1}], 0x44", in(reg) base, in(reg) u64::from(EERD / 4)) };
        assert_eq!(port.peek(at(EERD)), 0x44);
        // SAFETY: as above.
        unsafe {
            asm!("movd xmm9, {1:e}", "movd dword ptr [{0}], xmm9", in(reg) base + u64::from(EERD), in(reg) 0x48, out("xmm9") _)
        };
        assert_eq!(port.peek(at(EERD)), 0x48);
    }

    #[test]
    fn what_is_no_access_to_a_register_and_faults_of_others_end_the_process() {
        let base = map(Function::Physical(Port::new(PortConfig::default()))).unwrap().cast::<u8>();
        for (place, signal) in [(base.as_ptr(), libc::SIGABRT), (ptr::without_provenance_mut(16), libc::SIGSEGV)] {
            // SAFETY: the child only makes one access, which ends it.
            let status = unsafe {
                let child = libc::fork();
                if child == 0 {
                    asm!("mov byte ptr [{0}], 1", in(reg) place);
                    libc::_exit(0);
                }
                let mut status = 0;
                libc::waitpid(child, &mut status, 0);
                status
            };
            assert_eq!(std::process::ExitStatus::from_raw(status).signal(), Some(signal));
        }
    }
}
