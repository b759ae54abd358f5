//! A TAP interface of Linux: frames with a header in front that says what its reader is to do for them.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::iter;
use std::num::NonZeroU16;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use ixgbe::port::Offload;

/// The length of the header, in bytes: `struct virtio_net_hdr`.
///
/// | bytes | |
/// |---|---|
/// | 0 | flags |
/// | 1 | how the frame is to be cut, 0 if it is not |
/// | 2, 3 | the length of the headers, a hint |
/// | 4, 5 | the payload of each frame after the cut |
/// | 6, 7 | from where on the frame is summed |
/// | 8, 9 | where the checksum is from there |
const HEADER: usize = 10;
/// The flag of a frame whose checksum is still to be computed.
const NEEDS_CHECKSUM: u8 = 1;
/// The header of a frame whose checksum was found right.
const RIGHT: [u8; HEADER] = [2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// The longest frame of the kernel, in bytes: 64 KiB of IP, and Ethernet with two tags.
const LONGEST: usize = 65_535 + 22;

/// A frame of the kernel.
#[derive(Debug)]
pub struct Frame<'a> {
    /// From the Ethernet header on.
    pub bytes: &'a [u8],
    /// From where on the frame is summed, and where the checksum is from there, if its field has the sum of the pseudo
    /// header alone.
    pub checksum: Option<(u16, u16)>,
    /// The payload of each frame, if this one is to be cut.
    pub segment: Option<NonZeroU16>,
}

/// A TAP interface, which exists as long as this value, unless somebody else made it.
#[derive(Debug)]
pub struct Tap {
    file: File,
    name: String,
    buffer: Box<[u8]>,
}

impl Tap {
    /// Makes the interface `name`, or opens the one that was made for this user. `%d` in the name is a number that the
    /// kernel chooses.
    pub fn open(name: &str) -> Result<Self, String> {
        let failed = |cause: io::Error, remedy: &str| format!("cannot use the TAP interface {name}: {cause}: {remedy}");
        let mut request = request();
        if name.is_empty() || name.len() >= request.ifr_name.len() {
            let longest = request.ifr_name.len() - 1;
            return Err(format!(
                "cannot use the TAP interface {name}: a name has 1 to {longest} bytes: choose another"
            ));
        }
        request.ifr_name.iter_mut().zip(name.bytes()).for_each(|(to, byte)| *to = byte as libc::c_char);
        request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short;
        let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun");
        let file = file.map_err(|cause| failed(cause, "/dev/net/tun is needed: run as root, after `modprobe tun`"))?;
        let mut tap = Self { file, name: name.to_owned(), buffer: vec![0; HEADER + LONGEST].into() };
        // SAFETY: TUNSETIFF reads and writes an `ifreq`.
        unsafe { tap.control(libc::TUNSETIFF, &mut request) }.map_err(|cause| match cause.raw_os_error() {
            Some(libc::EBUSY) => failed(cause, "another program has it: end that program, or choose another name"),
            Some(libc::EPERM) => {
                let remedy =
                    format!("run as root, or let root run `ip tuntap add {name} mode tap vnet_hdr user $USER`");
                failed(cause, &remedy)
            }
            Some(libc::EINVAL) => failed(cause, "the name is not possible, or of another kind of interface"),
            _ => failed(cause, "choose another name"),
        })?;
        tap.name = request.ifr_name.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8 as char).collect();
        // One that somebody else made may have another header.
        // SAFETY: both read an integer.
        let header = unsafe {
            tap.control(libc::TUNSETVNETHDRSZ, &mut (HEADER as libc::c_int))
                .and_then(|()| tap.control(libc::TUNSETVNETLE, &mut (1 as libc::c_int)))
        };
        // Without a port there is no link.
        header.and_then(|()| tap.set_carrier(false)).map_err(|cause| failed(cause, "Linux 5.0 is needed, or newer"))?;
        Ok(tap)
    }

    /// Has the kernel leave to us what `offers` selects, and gives the interface the address `mac`.
    pub fn set_up(&self, offers: impl Fn(Offload) -> bool, mac: [u8; 6]) -> io::Result<()> {
        let mut request = request();
        // SAFETY: an address of sockets is integers, for which 0 is a value.
        let mut address: libc::sockaddr = unsafe { std::mem::zeroed() };
        address.sa_family = libc::ARPHRD_ETHER;
        address.sa_data.iter_mut().zip(mac).for_each(|(to, byte)| *to = byte as libc::c_char);
        request.ifr_ifru.ifru_hwaddr = address;
        // SAFETY: SIOCSIFHWADDR reads an `ifreq`.
        unsafe { self.control(libc::SIOCSIFHWADDR as libc::Ioctl, &mut request) }?;
        let all = [
            (Offload::Checksum, libc::TUN_F_CSUM),
            (Offload::CutTcp4, libc::TUN_F_TSO4),
            (Offload::CutTcp6, libc::TUN_F_TSO6),
            (Offload::CutUdp, libc::TUN_F_USO4 | libc::TUN_F_USO6),
        ];
        // Without checksums, the kernel leaves nothing else either. Kernels before 6.2 do not know the last.
        let offered = all.map(|(offload, flags)| if offers(offload) { flags } else { 0 });
        let ask = |flags: &[libc::c_uint]| {
            // SAFETY: TUNSETOFFLOAD takes a number, and no memory.
            unsafe {
                libc::ioctl(self.file.as_raw_fd(), libc::TUNSETOFFLOAD, flags.iter().sum::<u32>() as libc::c_ulong)
            }
        };
        match ask(&offered) == 0 || ask(&offered[..3]) == 0 {
            true => Ok(()),
            false => Err(self.describe(io::Error::last_os_error())),
        }
    }

    /// Returns the name of the interface.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells the kernel whether there is a link.
    pub fn set_carrier(&self, is_up: bool) -> io::Result<()> {
        // SAFETY: TUNSETCARRIER reads an integer.
        unsafe { self.control(libc::TUNSETCARRIER, &mut libc::c_int::from(is_up)) }
            .map_err(|error| self.describe(error))
    }

    /// Returns the next frame that the kernel sends, or `None` if there is none now. The error of an interface that was
    /// deleted is [`io::ErrorKind::NotConnected`].
    pub fn read(&mut self) -> io::Result<Option<Frame<'_>>> {
        let len = match self.file.read(&mut self.buffer) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(self.describe(error)),
        };
        let Some((header, bytes)) = self.buffer.get(..len).and_then(<[u8]>::split_first_chunk::<HEADER>) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame without its header"));
        };
        let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let checksum = (header[0] & NEEDS_CHECKSUM != 0).then(|| (number(6), number(8)));
        let segment = NonZeroU16::new(number(4)).filter(|_| header[1] != 0);
        Ok(Some(Frame { bytes, checksum, segment }))
    }

    /// Gives the kernel a frame in several parts, whose checksum was found right or not checked. Errors are as for
    /// [`read`](Self::read); an interface that is down takes nothing.
    pub fn write<'a>(&self, frame: impl Iterator<Item = &'a [u8]>, is_right: bool) -> io::Result<()> {
        let header: &[u8; HEADER] = if is_right { &RIGHT } else { &[0; HEADER] };
        let parts: Vec<_> = iter::once(&header[..]).chain(frame).map(IoSlice::new).collect();
        // The kernel takes all of it or nothing.
        (&self.file).write_vectored(&parts).map(|_| ()).map_err(|error| self.describe(error))
    }

    fn describe(&self, error: io::Error) -> io::Error {
        match error.raw_os_error() {
            Some(libc::EBADFD) => {
                let message = format!("the TAP interface {} was deleted", self.name);
                io::Error::new(io::ErrorKind::NotConnected, message)
            }
            _ => error,
        }
    }

    /// Asks the kernel for something.
    ///
    /// # Safety
    ///
    /// `request` must be one for which the kernel reads, or writes, no more than a valid `T`.
    unsafe fn control<T>(&self, request: libc::Ioctl, argument: &mut T) -> io::Result<()> {
        // SAFETY: the reference is to a `T`, which the kernel may read and write, as the caller promises.
        match unsafe { libc::ioctl(self.file.as_raw_fd(), request, argument as *mut T) } {
            0 => Ok(()),
            _ => Err(self.describe(io::Error::last_os_error())),
        }
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Returns a request without a name.
fn request() -> libc::ifreq {
    // SAFETY: all its fields are integers, arrays of integers, and pointers, for which 0 is a value.
    unsafe { std::mem::zeroed() }
}

/// Sleeps until one of `files` can be read, or `timeout` is over. A signal ends it too.
pub fn sleep(files: &[BorrowedFd<'_>], timeout: Duration) -> io::Result<()> {
    let poll = |file: &BorrowedFd<'_>| libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut polls: Vec<_> = files.iter().map(poll).collect();
    // SAFETY: as many structures as the vector has, which outlives the call.
    match unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, timeout.as_millis() as libc::c_int) } {
        -1 => Err(io::Error::last_os_error()).or_else(|error: io::Error| match error.kind() {
            io::ErrorKind::Interrupted => Ok(()),
            _ => Err(error),
        }),
        _ => Ok(()),
    }
}
