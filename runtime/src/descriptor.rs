//! Formats of DMA descriptors.

use crate::field::Layout;

/// A format of a DMA descriptor.
///
/// # Safety
///
/// [`FIXED`](Self::FIXED) must be bits that the datasheet fixes for the format, and no field's that software may set.
pub unsafe trait DescriptorFormat: Layout {
    /// The datasheet's section about it.
    const SECTION: &'static str;
    /// The bits that are set in every descriptor of the format, and distinguish it from other formats.
    const FIXED: [u64; 2];
}

/// A format that the device writes.
///
/// # Safety
///
/// [`DONE`](Self::DONE) must be below 128, and the device must set that bit last.
#[diagnostic::on_unimplemented(
    message = "descriptors of format `{Self}` are not written by the device",
    label = "the device only reads `{Self}`"
)]
pub unsafe trait WriteBack: DescriptorFormat {
    /// The bit that says that the device is done.
    const DONE: u32;
}
