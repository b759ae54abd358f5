//! Time from a counter of the CPU.

use core::time::Duration;

use ixgbe::clock::Clock;

/// A counter that runs at a constant frequency, whatever the CPU does.
#[derive(Debug, Clone, Copy)]
pub struct Counter {
    hertz: u64,
}

impl Counter {
    /// Takes the CPU's counter: the time stamp counter of x86, the virtual counter of aarch64's generic timer.
    ///
    /// # Safety
    ///
    /// The counter makes `hertz` steps a second or fewer, on all CPUs in step, and never stands still. On x86, CPUID leaf
    /// 0x8000_0007 says whether it does (EDX, bit 8), and leaf 0x15 or a timer of the board how fast. On aarch64,
    /// CNTFRQ_EL0 has the frequency.
    #[must_use]
    pub const unsafe fn new(hertz: u64) -> Self {
        Self { hertz: if hertz == 0 { 1 } else { hertz } }
    }

    #[cfg(target_arch = "x86_64")]
    fn ticks() -> u64 {
        // SAFETY: every x86-64 has the instruction.
        unsafe { core::arch::x86_64::_rdtsc() }
    }

    #[cfg(target_arch = "aarch64")]
    fn ticks() -> u64 {
        let ticks;
        // SAFETY: the barrier keeps the read from being done early. It reads a register, and changes nothing.
        unsafe {
            core::arch::asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags))
        };
        ticks
    }
}

// SAFETY: the caller of `new` promised that the counter does not run ahead, so `wait` does not end too early.
unsafe impl Clock for Counter {
    fn now(&self) -> Duration {
        let (ticks, hertz) = (Self::ticks(), self.hertz);
        let nanoseconds = u128::from(ticks % hertz) * 1_000_000_000 / u128::from(hertz);
        Duration::new(ticks / hertz, nanoseconds as u32)
    }

    fn wait(&self, time: Duration) {
        let start = self.now();
        while self.now().saturating_sub(start) < time {
            core::hint::spin_loop();
        }
    }
}
