//! Filters in the syntax of tcpdump, compiled and run by libpcap.
//!
//! The library is loaded when a filter is made: neither a build nor a program without a filter needs it.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::fmt;

use libloading::Library;

use super::ETHERNET;

/// The names of the library: Debian's, and the one of other distributions.
const LIBRARIES: [&str; 2] = ["libpcap.so.0.8", "libpcap.so.1"];
/// The longest filter in bytes. The time that libpcap takes grows with the square of the length: some seconds for this.
const LONGEST: usize = 4096;
/// The longest packet of which a filter sees all bytes.
const SNAP: c_int = 1 << 18;
/// The mask of the network, unknown: what a filter for broadcasts of IP needs is refused.
const NO_MASK: c_uint = u32::MAX;

/// A filter that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterError {
    /// libpcap cannot be loaded.
    NoLibrary(String),
    /// The filter has more than 4096 bytes.
    TooLong(usize),
    /// The filter is none.
    Invalid {
        /// The filter.
        filter: String,
        /// What libpcap says.
        reason: String,
    },
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLibrary(error) => {
                write!(f, "filters need libpcap: install Debian's package libpcap0.8, or libpcap: {error}")
            }
            Self::TooLong(len) => write!(f, "the filter has {len} bytes, and at most {LONGEST} are possible"),
            Self::Invalid { filter, reason } => write!(f, "{filter:?} is no filter: {reason}"),
        }
    }
}

impl std::error::Error for FilterError {}

/// A program of libpcap (`struct bpf_program`).
#[repr(C)]
struct Program {
    len: c_uint,
    instructions: *mut c_void,
}

type OpenDead = unsafe extern "C" fn(c_int, c_int) -> *mut c_void;
type Compile = unsafe extern "C" fn(*mut c_void, *mut Program, *const c_char, c_int, c_uint) -> c_int;
type GetError = unsafe extern "C" fn(*mut c_void) -> *const c_char;
type Close = unsafe extern "C" fn(*mut c_void);
type FreeCode = unsafe extern "C" fn(*mut Program);
type Run = unsafe extern "C" fn(*const c_void, *const u8, c_uint, c_uint) -> c_uint;

/// A filter for Ethernet frames, in the syntax of tcpdump.
///
/// ```no_run
/// use ixgbe_sim::capture::Filter;
///
/// # fn main() -> Result<(), ixgbe_sim::capture::FilterError> {
/// let filter = Filter::new("udp port 53 or arp")?;
/// assert!(!filter.matches(&[0; 60]));
/// # Ok(())
/// # }
/// ```
pub struct Filter {
    program: Program,
    run: Run,
    free: FreeCode,
    /// What `run` and `free` belong to: it is dropped last.
    _library: Library,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("instructions", &self.program.len).finish_non_exhaustive()
    }
}

impl Filter {
    /// Compiles a filter. Names of hosts are looked up, as tcpdump does.
    ///
    /// # Errors
    ///
    /// [`FilterError`].
    pub fn new(filter: &str) -> Result<Self, FilterError> {
        if filter.len() > LONGEST {
            return Err(FilterError::TooLong(filter.len()));
        }
        let invalid = |reason: String| FilterError::Invalid { filter: filter.to_owned(), reason };
        let text = CString::new(filter).map_err(|error| invalid(error.to_string()))?;
        let library = load()?;
        // SAFETY: each type is the one that libpcap's interface gives the function.
        let (open, compile, error, close, free, run): (OpenDead, Compile, GetError, Close, FreeCode, Run) = unsafe {
            (
                symbol(&library, c"pcap_open_dead")?,
                symbol(&library, c"pcap_compile")?,
                symbol(&library, c"pcap_geterr")?,
                symbol(&library, c"pcap_close")?,
                symbol(&library, c"pcap_freecode")?,
                symbol(&library, c"bpf_filter")?,
            )
        };
        // SAFETY: the function takes two numbers.
        let handle = unsafe { open(ETHERNET as c_int, SNAP) };
        if handle.is_null() {
            return Err(FilterError::NoLibrary("it gives no handle".into()));
        }
        let mut program = Program { len: 0, instructions: std::ptr::null_mut() };
        // SAFETY: the handle is open, the program is this function's own, and the text is a C string that outlives the call.
        let compiled = unsafe { compile(handle, &raw mut program, text.as_ptr(), 1, NO_MASK) };
        // SAFETY: the handle is open, and it keeps its last error as a C string until it is closed. It is copied before.
        let reason = || unsafe { CStr::from_ptr(error(handle)) }.to_string_lossy().into_owned();
        let result = match compiled {
            0 => Ok(Self { program, run, free, _library: library }),
            _ => Err(invalid(reason())),
        };
        // SAFETY: the handle is open, and nothing uses it any more: a program does not refer to it.
        unsafe { close(handle) };
        result
    }

    /// Returns `true` if the filter selects this frame. The frame is complete.
    #[must_use]
    pub fn matches(&self, frame: &[u8]) -> bool {
        let len = frame.len() as c_uint;
        // SAFETY: libpcap has compiled the instructions, and they are not freed yet. They read within the frame alone, whose
        // length is given, because the interpreter checks the offset of each load.
        unsafe { (self.run)(self.program.instructions, frame.as_ptr(), len, len) != 0 }
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        // SAFETY: libpcap has allocated the program, and nothing uses it any more.
        unsafe { (self.free)(&raw mut self.program) };
    }
}

fn load() -> Result<Library, FilterError> {
    let mut errors = Vec::new();
    for name in LIBRARIES {
        // SAFETY: the system's libpcap sets up nothing that this process could have relied on to be otherwise.
        match unsafe { Library::new(name) } {
            Ok(library) => return Ok(library),
            Err(error) => errors.push(error.to_string()),
        }
    }
    Err(FilterError::NoLibrary(errors.join(", ")))
}

/// Returns the function with this name. It may be called while the library is loaded.
///
/// # Safety
///
/// `T` is the type of that function.
unsafe fn symbol<T: Copy>(library: &Library, name: &'static CStr) -> Result<T, FilterError> {
    // SAFETY: the caller promises the type.
    let symbol = unsafe { library.get::<T>(name) };
    symbol.map(|symbol| *symbol).map_err(|error| FilterError::NoLibrary(error.to_string()))
}
