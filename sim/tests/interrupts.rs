//! Interrupts: the vectors of causes, and their timing (datasheet 7.3, 8.2.3.5).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ixgbe::mmio::Offset;
use ixgbe_sim::{Fault, Port, PortConfig};

const EICR: u32 = 0x00800;
const EICS: u32 = 0x00808;
const EIAC: u32 = 0x00810;
const EITR: u32 = 0x00820;
const EIMS: u32 = 0x00880;
const EIMC: u32 = 0x00888;
const EIAM: u32 = 0x00890;
const GPIE: u32 = 0x00898;
const IVAR_MISC: u32 = 0x00A00;
const EICS_EX: u32 = 0x00A90;
const EIMS_EX: u32 = 0x00AA0;
const EIAM_EX: u32 = 0x00AD0;
const LSC: u32 = 1 << 20;
const MULTIPLE_MSIX: u32 = 1 << 4;
const OCD: u32 = 1 << 5;
const EIAME: u32 = 1 << 30;

struct InterruptTest {
    port: Port,
    raised: Arc<Mutex<Vec<u16>>>,
}

impl InterruptTest {
    /// Creates a port without pending link causes.
    fn new() -> Self {
        let port = Port::new(PortConfig::default());
        port.wait(Duration::from_millis(50));
        let raised = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&raised);
        port.on_interrupt(move |vector| seen.lock().unwrap().push(vector));
        let bench = Self { port, raised };
        bench.read(EICR);
        bench
    }

    fn write(&self, at: u32, value: u32) {
        // SAFETY: these registers start no DMA.
        unsafe { self.port.write32(Offset::new(at).unwrap(), value) };
    }

    fn read(&self, at: u32) -> u32 {
        self.port.read32(Offset::new(at).unwrap())
    }

    fn peek(&self, at: u32) -> u32 {
        self.port.peek(Offset::new(at).unwrap())
    }

    fn raised(&self) -> Vec<u16> {
        std::mem::take(&mut self.raised.lock().unwrap())
    }
}

#[test]
fn a_vector_is_sent_once_masks_itself_and_is_sent_again_when_enabled() {
    let bench = InterruptTest::new();
    bench.write(GPIE, MULTIPLE_MSIX | EIAME | OCD);
    bench.write(EIAC, 0xFFFF);
    bench.write(EIAM_EX, u32::MAX);
    bench.write(EIAM_EX + 4, u32::MAX);
    for (vector, register, bit) in [(0, 0, 0), (15, 0, 15), (16, 0, 16), (31, 0, 31), (32, 4, 0), (63, 4, 31)] {
        // No cause is enabled yet: the cause waits.
        bench.write(EICS_EX + register, 1 << bit);
        assert_eq!(bench.raised(), [], "{vector}");
        bench.write(EIMS_EX + register, 1 << bit);
        assert_eq!(bench.raised(), [vector]);
        // The vector masked itself, and its cause is cleared.
        assert_eq!(bench.peek(EIMS_EX + register) & 1 << bit, 0);
        assert_eq!(bench.peek(EICR) & 0xFFFF, 0);
        bench.write(EICS_EX + register, 1 << bit);
        assert_eq!(bench.raised(), []);
        bench.write(EIMS_EX + register, 1 << bit);
        assert_eq!(bench.raised(), [vector]);
        bench.write(EIMS_EX + register, 1 << bit);
        assert_eq!(bench.raised(), []);
    }
    assert_eq!(bench.port.violations(), []);
}

#[test]
fn both_views_of_the_mask_are_one() {
    let bench = InterruptTest::new();
    bench.write(EIMS, 0x8001);
    assert_eq!(bench.peek(EIMS_EX), 0x8001);
    bench.write(EIMS_EX, 0x1_0002);
    assert_eq!((bench.peek(EIMS), bench.peek(EIMS_EX)), (0x8003, 0x1_8003));
    bench.write(EIMC, 0x8000);
    assert_eq!((bench.peek(EIMS), bench.peek(EIMS_EX)), (3, 0x1_0003));
    bench.write(EIAM, 0x40);
    assert_eq!(bench.peek(EIAM_EX), 0x40);
}

#[test]
fn other_causes_share_the_vector_of_ivar_misc_and_stay_until_they_are_cleared() {
    let bench = InterruptTest::new();
    bench.write(GPIE, MULTIPLE_MSIX | OCD);
    bench.write(IVAR_MISC, 0x8000 | 5 << 8);
    bench.write(EIMS, LSC);
    bench.write(EICS, LSC);
    assert_eq!(bench.raised(), [5]);
    assert_eq!(bench.peek(EICR) & LSC, LSC);
    bench.port.step();
    assert_eq!(bench.raised(), []);
    // Enabling it again while the cause is set sends it again.
    bench.write(EIMS, LSC);
    assert_eq!(bench.raised(), [5]);
    bench.write(EICR, LSC);
    bench.write(EIMS, LSC);
    assert_eq!((bench.raised(), bench.peek(EICR) & LSC), (vec![], 0));
    // Without a valid entry no vector is sent.
    bench.write(IVAR_MISC, 0);
    bench.write(EICS, LSC);
    assert_eq!(bench.raised(), []);
}

#[test]
fn eitr_delays_a_vector() {
    let bench = InterruptTest::new();
    bench.write(GPIE, MULTIPLE_MSIX | OCD);
    bench.write(EIAC, 0xFFFF);
    // 50 units of 2 us.
    bench.write(EITR + 12, 50 << 3);
    bench.write(EIMS_EX, 1 << 3);
    bench.write(EICS_EX, 1 << 3);
    bench.write(EICS_EX, 1 << 3);
    assert_eq!(bench.raised(), [3]);
    bench.port.wait(Duration::from_micros(80));
    assert_eq!(bench.raised(), []);
    bench.port.wait(Duration::from_micros(60));
    assert_eq!(bench.raised(), [3]);
}

#[test]
fn without_msix_one_vector_serves_all_causes_and_reading_them_masks() {
    let bench = InterruptTest::new();
    bench.write(EIAM, LSC | 1);
    bench.write(EIMS, LSC | 1);
    bench.write(EICS, LSC | 1);
    assert_eq!(bench.raised(), [0]);
    assert_eq!(bench.read(EICR) & (LSC | 1), LSC | 1);
    assert_eq!((bench.peek(EICR), bench.peek(EIMS) & (LSC | 1)), (0, 0));
}

#[test]
fn lost_interrupts_are_lost() {
    let bench = InterruptTest::new();
    bench.port.inject(Fault::InterruptsLost);
    bench.write(EIMS, LSC);
    bench.write(EICS, LSC);
    assert_eq!((bench.raised(), bench.peek(EICR) & LSC), (vec![], LSC));
}
