//! Wrappers of a platform that change some of its calls.

/// Implements the traits of a platform for a wrapper of one, by passing every call on to a field.
macro_rules! pass_on {
    ($($what:ident),+ of $wrapper:ty => $field:tt) => {
        $(crate::common::pass_on::pass_on!(@$what $wrapper, $field);)+
    };
    (@Bus $wrapper:ty, $field:tt) => {
        // SAFETY: every access goes to the platform, which the wrapper owns.
        unsafe impl ixgbe::runtime::bus::Bus<ixgbe::registers::RegisterSpace> for $wrapper {
            fn read(&self, offset: ixgbe::mmio::Offset) -> u32 {
                ixgbe::runtime::bus::Bus::read(&self.$field, offset)
            }

            unsafe fn write(&self, offset: ixgbe::mmio::Offset, value: u32) {
                // SAFETY: as the caller promises.
                unsafe { ixgbe::runtime::bus::Bus::write(&self.$field, offset, value) }
            }
        }
    };
    (@Dma $wrapper:ty, $field:tt) => {
        // SAFETY: all memory is the platform's.
        unsafe impl ixgbe::dma::Dma for $wrapper {
            fn domain(&self) -> ixgbe::dma::Domain {
                ixgbe::dma::Dma::domain(&self.$field)
            }

            fn page_size(&self) -> usize {
                ixgbe::dma::Dma::page_size(&self.$field)
            }

            fn allocate(&self, len: usize) -> Result<ixgbe::dma::Memory, ixgbe::dma::DmaError> {
                ixgbe::dma::Dma::allocate(&self.$field, len)
            }

            fn map(&self, memory: &ixgbe::dma::Memory) -> Result<ixgbe::dma::Mapping, ixgbe::dma::DmaError> {
                ixgbe::dma::Dma::map(&self.$field, memory)
            }

            fn read_config(&self, offset: u16) -> Option<u16> {
                ixgbe::dma::Dma::read_config(&self.$field, offset)
            }
        }
    };
    (@Clock $wrapper:ty, $field:tt) => {
        // SAFETY: both calls go to the platform's clock.
        unsafe impl ixgbe::clock::Clock for $wrapper {
            fn now(&self) -> std::time::Duration {
                ixgbe::clock::Clock::now(&self.$field)
            }

            fn wait(&self, time: std::time::Duration) {
                ixgbe::clock::Clock::wait(&self.$field, time);
            }
        }
    };
}

pub(crate) use pass_on;
