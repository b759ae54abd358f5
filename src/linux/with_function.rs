//! Platforms that are a PCI function and its registers.

/// Implements memory and clock for a platform `P<S>` whose field `function` has both.
macro_rules! with_function {
    ($platform:ident) => {
        // SAFETY: the function gives the memory, its addresses and its domain.
        unsafe impl<S> crate::dma::Dma for $platform<S> {
            fn domain(&self) -> crate::dma::Domain {
                self.function.domain()
            }

            fn page_size(&self) -> usize {
                self.function.page_size()
            }

            fn allocate(&self, len: usize) -> Result<crate::dma::Memory, crate::dma::DmaError> {
                self.function.allocate(len)
            }

            fn map(&self, memory: &crate::dma::Memory) -> Result<crate::dma::Mapping, crate::dma::DmaError> {
                self.function.map(memory)
            }

            fn read_config(&self, offset: u16) -> Option<u16> {
                self.function.read_config(offset)
            }
        }

        // SAFETY: both calls go to the clock of the function.
        unsafe impl<S> crate::clock::Clock for $platform<S> {
            fn now(&self) -> core::time::Duration {
                self.function.now()
            }

            fn wait(&self, time: core::time::Duration) {
                self.function.wait(time);
            }
        }
    };
}
