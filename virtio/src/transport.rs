//! The device's registers, found and mapped, and the steps of its status (specification 3.1).

use core::time::Duration;

use datasheet_runtime::array::{Below, Index};
use datasheet_runtime::clock;
use datasheet_runtime::field;
use datasheet_runtime::field::{FullValue, SetField, Value, ValueError};
use datasheet_runtime::register::{Contents, Driver, Exclusive};
use datasheet_runtime::value;
use ixgbe::dma::DmaAddr;
use ixgbe::pci::Function;

use crate::discovery::{Layout, discover};
use crate::error::Error;
use crate::feature::{Feature, Features, WORDS};
use crate::lent::{Stopped, StoppedQueue};
use crate::queue::Doorbell;
use crate::registers::permission;
use crate::registers::{
    CONFIG_MSIX_VECTOR, DEVICE_STATUS, DRIVER_FEATURE, QUEUE_ENABLE, QUEUE_MSIX_VECTOR, QUEUE_RESET, QUEUE_SIZE,
    RegisterSpace, Registers, Windows, network, notify,
};
use crate::ring::{Ring, RingTerms};

/// The pause between two looks at a device that resets.
const POLL: Duration = Duration::from_micros(100);

/// The number of reads of a configuration that changes.
const TRIES: usize = 16;

/// The status of a device that is gone.
const GONE: u8 = 0xff;

/// No MSI-X vector.
const NO_VECTOR: u16 = 0xffff;

/// Returns the value of a register that is one field.
fn whole<R: field::Layout, F: SetField<R, u64>>(field: F, value: impl Into<u64>) -> Result<FullValue<R>, ValueError> {
    Value::EMPTY.try_with(field, value.into())?.full()
}

/// The doorbells of a platform.
pub(crate) type DoorbellBus<H> = <H as Function>::Registers<notify::RegisterSpace>;

/// The greatest size of a queue, and its doorbell.
pub(crate) type FoundQueue<H> = (u16, Doorbell<DoorbellBus<H>>);

/// The device behind a PCI function.
#[derive(Debug)]
pub(crate) struct Transport<H: Function> {
    // Dropped in this order: registers, then the function.
    common: H::Registers<RegisterSpace>,
    network: H::Registers<network::RegisterSpace>,
    layout: Layout,
    function: H,
}

/// Addresses and size of a queue.
#[derive(Debug)]
pub(crate) struct QueuePlace {
    pub(crate) size: u16,
    pub(crate) addresses: [DmaAddr; 3],
}

impl QueuePlace {
    /// Returns how the device finds `ring`.
    pub(crate) fn of(ring: &impl Ring) -> Self {
        Self { size: ring.size(), addresses: ring.addresses() }
    }
}

/// The network device's configuration, as far as the features have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NetworkConfig {
    pub(crate) mac: [u8; 6],
    pub(crate) link_up: bool,
    pub(crate) announce: bool,
    pub(crate) max_queue_pairs: u16,
    pub(crate) mtu: u16,
    pub(crate) speed: u32,
}

impl<H: Function> Transport<H> {
    /// Finds the registers of `function`.
    pub(crate) fn new(function: H) -> Result<Self, Error<H::Error>> {
        let layout = discover(&function)?;
        // SAFETY: the capabilities say that these registers are there; those beyond a capability's length are not accessed.
        // Each block is mapped once, here.
        let (common, network) = unsafe {
            let common = function.registers(layout.common.bar, layout.common.offset);
            (common, function.registers(layout.network.bar, layout.network.offset))
        };
        let (common, network) = (common.map_err(Error::Platform)?, network.map_err(Error::Platform)?);
        Ok(Self { common, network, layout, function })
    }

    pub(crate) fn function(&self) -> &H {
        &self.function
    }

    /// Returns the function, and forgets the registers.
    pub(crate) fn into_function(self) -> H {
        self.function
    }

    /// Returns the common registers with a permission.
    ///
    /// # Safety
    ///
    /// The device is in the state that `P` names, and only the caller selects queues and features meanwhile.
    unsafe fn registers<P>(&self) -> Registers<'_, H::Registers<RegisterSpace>, P> {
        // SAFETY: the caller's promise.
        unsafe { Registers::assume_permission(&self.common) }
    }

    /// Returns the status. Reading it is possible in all states.
    fn status(&self) -> Contents<DEVICE_STATUS> {
        // SAFETY: reading the status needs no permission.
        unsafe { self.registers::<()>() }.device_status().read()
    }

    /// Returns an error if the device is gone, or asks for a reset.
    pub(crate) fn check(&self) -> Result<(), Error<H::Error>> {
        let status = self.status();
        match status.field(DEVICE_STATUS::NEEDS_RESET) {
            _ if status.get() == GONE => Err(Error::Removed),
            true => Err(Error::NeedsReset),
            false => Ok(()),
        }
    }

    /// Adds bits to the status.
    fn add_status(&self, bits: Value<DEVICE_STATUS>) {
        // SAFETY: every state allows bits to be added, and the callers add the bits of the specification's next step.
        unsafe { self.registers::<Driver<permission::Driving>>() }.device_status().modify(bits);
    }

    /// Resets the device, and waits until it reads as reset.
    pub(crate) fn reset(&self, limit: Duration) -> Result<Stopped, Error<H::Error>> {
        // SAFETY: a reset is possible in every state.
        let registers = unsafe { self.registers::<Driver<permission::Reset>>() };
        registers.device_status().write(Value::EMPTY);
        let done = clock::poll(&self.function, limit, POLL, || match self.status().get() {
            0 => Some(Ok(())),
            GONE => Some(Err(Error::Removed)),
            _ => None,
        });
        done.map_err(|waited| Error::TimedOut { doing: "its reset", waited })??;
        // SAFETY: a device that reads as reset accesses no memory (2.4.1), and no queue is enabled.
        Ok(unsafe { Stopped::observed() })
    }

    pub(crate) fn acknowledge(&self) {
        self.add_status(value!(DEVICE_STATUS { ACKNOWLEDGE: true }));
    }

    pub(crate) fn drive(&self) {
        self.add_status(value!(DEVICE_STATUS { DRIVER: true }));
    }

    pub(crate) fn give_up(&self) {
        self.add_status(value!(DEVICE_STATUS { FAILED: true }));
    }

    pub(crate) fn go_live(&self) {
        self.add_status(value!(DEVICE_STATUS { DRIVER_OK: true }));
    }

    /// Returns the offered features, in state DRIVER.
    pub(crate) fn offered(&mut self) -> Features {
        // SAFETY: the caller says that the state is DRIVER; this is borrowed uniquely.
        let mut windows: Windows<'_, _, Driver<permission::Driving>> =
            unsafe { Windows::assume_permission(&self.common) };
        let mut words = [0; WORDS];
        for (word, index) in words.iter_mut().zip(Index::<Below<3>>::all()) {
            *word = windows.device_features.select(index).device_feature().read().get();
        }
        Features::from_words(words)
    }

    /// Accepts features, in state DRIVER. Returns `false` if the device refuses them.
    pub(crate) fn accept(&mut self, features: Features) -> Result<bool, Error<H::Error>> {
        // SAFETY: as in `offered`.
        let mut windows: Windows<'_, _, Driver<permission::Driving>> =
            unsafe { Windows::assume_permission(&self.common) };
        for (word, index) in features.words().into_iter().zip(Index::<Below<3>>::all()) {
            let register = windows.driver_features.select(index).driver_feature();
            register.write_full(whole(DRIVER_FEATURE::BITS, word)?);
        }
        self.add_status(value!(DEVICE_STATUS { FEATURES_OK: true }));
        let status = self.status();
        Ok(status.get() != GONE && status.field(DEVICE_STATUS::FEATURES_OK))
    }

    /// Returns the number of queues.
    pub(crate) fn queues(&self) -> u16 {
        // SAFETY: reading needs no permission.
        unsafe { self.registers::<()>() }.num_queues().read().get()
    }

    /// Returns the size of queue `queue` and its doorbell, in state FEATURES_OK.
    pub(crate) fn find_queue(&mut self, queue: u16, rings: RingTerms) -> Result<FoundQueue<H>, Error<H::Error>> {
        let index = Index::new(queue.into()).map_err(|_| Error::NoQueue { queue })?;
        if queue >= self.queues() {
            return Err(Error::NoQueue { queue });
        }
        let (size, notify_off) = {
            // SAFETY: the caller says that the state is FEATURES_OK; this is borrowed uniquely.
            let mut windows: Windows<'_, _, Exclusive<permission::FeaturesOk>> =
                unsafe { Windows::assume_permission(&self.common) };
            let registers = windows.queue.select(index);
            (registers.queue_size().read().get(), registers.queue_notify_off().read().get())
        };
        match size {
            0 => return Err(Error::NoQueue { queue }),
            size if !rings.allow(size) => return Err(Error::QueueSize { queue, size }),
            _ => {}
        }
        let Layout { notify, multiplier, .. } = self.layout;
        let outside = Error::DoorbellOutside { queue, notify_off, multiplier, length: notify.length };
        let offset = self.layout.doorbell(notify_off).ok_or(outside)?;
        // SAFETY: the device says that the doorbell is there. Queues that share one only write it, each a number of its own.
        let bus = unsafe { self.function.registers(notify.bar, offset) }.map_err(Error::Platform)?;
        Ok((size, Doorbell { bus, queue }))
    }

    /// Sets queue `queue` up and enables it. It raises the MSI-X vector `vector`, if any.
    ///
    /// # Safety
    ///
    /// - The queue is disabled: nothing has enabled it since the device or the queue was reset.
    /// - Only the caller selects queues meanwhile.
    /// - The device may access what is at the addresses, and all that descriptors there name, until it or the queue is
    ///   reset.
    pub(crate) unsafe fn enable_queue(
        &self,
        queue: u16,
        place: &QueuePlace,
        vector: Option<u16>,
    ) -> Result<(), Error<H::Error>> {
        let index = Index::new(queue.into()).map_err(|_| Error::NoQueue { queue })?;
        // SAFETY: the caller's promises.
        let mut windows: Windows<'_, _, Driver<permission::QueueDisabled>> =
            unsafe { Windows::assume_permission(&self.common) };
        let registers = windows.queue.select(index);
        registers.queue_size().write_full(whole(QUEUE_SIZE::SIZE, place.size)?);
        let vector = vector.unwrap_or(NO_VECTOR);
        registers.queue_msix_vector().write_full(whole(QUEUE_MSIX_VECTOR::VECTOR, vector)?);
        // A device without resources for the vector has none (4.1.5.1.2.2).
        if registers.queue_msix_vector().read().get() != vector {
            return Err(Error::VectorRefused { queue: Some(queue), vector });
        }
        let [descriptors, driver, device] = place.addresses;
        registers.queue_desc().write(descriptors);
        registers.queue_driver().write(driver);
        registers.queue_device().write(device);
        registers.queue_enable().write_full(whole(QUEUE_ENABLE::ENABLE, 1u16)?);
        Ok(())
    }

    /// Resets queue `queue`, and waits until the device has done so, in state DRIVER_OK (2.6.1, 4.1.4.3).
    ///
    /// A reset that did not end in time can be waited for again.
    ///
    /// # Safety
    ///
    /// - The device is live and has the feature RING_RESET.
    /// - Only the caller selects queues meanwhile.
    pub(crate) unsafe fn reset_queue(&self, queue: u16, limit: Duration) -> Result<StoppedQueue, Error<H::Error>> {
        let index = Index::new(queue.into()).map_err(|_| Error::NoQueue { queue })?;
        // SAFETY: the caller's promises.
        let mut windows: Windows<'_, _, Driver<permission::DriverOk>> =
            unsafe { Windows::assume_permission(&self.common) };
        let registers = windows.queue.select(index);
        let is_reset = || registers.queue_reset().read().get() == 0 && registers.queue_enable().read().get() == 0;
        if registers.queue_reset().read().get() == 0 && registers.queue_enable().read().get() != 0 {
            registers.queue_reset().write_full(whole(QUEUE_RESET::RESET, 1u16)?);
        }
        let done = clock::poll(&self.function, limit, POLL, || match is_reset() {
            true => Some(Ok(())),
            false if self.status().get() == GONE => Some(Err(Error::Removed)),
            false => None,
        });
        done.map_err(|waited| Error::TimedOut { doing: "the reset of a queue", waited })??;
        // SAFETY: a queue that reads as reset and disabled is not accessed by the device (2.6.1), and nobody has enabled it.
        Ok(unsafe { StoppedQueue::observed() })
    }

    /// Returns the features that the registers allow: RING_RESET needs one that VirtIO 1.0 lacks.
    pub(crate) fn possible(&self, offered: Features) -> Features {
        match self.layout.has_all_common() {
            true => offered,
            false => offered - Features::of(Feature::RingReset),
        }
    }

    /// Sets the MSI-X vector that changes of the configuration raise, in state FEATURES_OK.
    pub(crate) fn set_configuration_vector(&self, vector: u16) -> Result<(), Error<H::Error>> {
        // SAFETY: the caller says that the state is FEATURES_OK. The platform says where interrupts go: the write only
        // selects which change raises which vector, and selects no queue.
        let registers = unsafe { self.registers::<Driver<permission::FeaturesOk>>() };
        registers.config_msix_vector().write_full(whole(CONFIG_MSIX_VECTOR::VECTOR, vector)?);
        match registers.config_msix_vector().read().get() {
            taken if taken == vector => Ok(()),
            _ => Err(Error::VectorRefused { queue: None, vector }),
        }
    }

    /// Reads the configuration of the network device, as far as `features` have it.
    ///
    /// It is read again until nothing has changed meanwhile.
    pub(crate) fn network(&self, features: Features) -> Result<NetworkConfig, Error<H::Error>> {
        // SAFETY: reading needs no permission.
        let (common, network) =
            unsafe { (self.registers::<()>(), network::Registers::<_, ()>::assume_permission(&self.network)) };
        let has = |feature, end| features.has(feature) && self.layout.has_network(end);
        for _ in 0..TRIES {
            let before = common.config_generation().read().get();
            let mut config = NetworkConfig { link_up: true, speed: u32::MAX, ..NetworkConfig::default() };
            if has(Feature::Mac, 6) {
                for (byte, index) in config.mac.iter_mut().zip(Index::all()) {
                    *byte = network.mac(index).read().get();
                }
            }
            if has(Feature::Status, 8) {
                let status = network.net_status().read();
                config.link_up = status.field(network::NET_STATUS::LINK_UP);
                config.announce = status.field(network::NET_STATUS::ANNOUNCE);
            }
            if has(Feature::Mq, 10) {
                config.max_queue_pairs = network.max_virtqueue_pairs().read().get();
            }
            if has(Feature::Mtu, 12) {
                config.mtu = network.mtu().read().get();
            }
            if has(Feature::SpeedDuplex, 16) {
                config.speed = network.speed().read().get();
            }
            if common.config_generation().read().get() == before {
                return Ok(config);
            }
        }
        Err(Error::Unsettled)
    }
}
