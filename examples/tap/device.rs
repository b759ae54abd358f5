//! A TAP interface of Linux.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use ixgbe::port::Offload;

use super::frames::{HEADER, LONGEST};

/// A TAP interface, which exists as long as this value, unless somebody else made it.
#[derive(Debug)]
pub struct Tap {
    pub(super) file: File,
    name: String,
    pub(super) buffer: Box<[u8]>,
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
        let name: Vec<_> = request.ifr_name.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect();
        tap.name = String::from_utf8_lossy(&name).into();
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

    /// Says of an error that the interface is gone, if that is so: [`io::ErrorKind::NotConnected`].
    pub(super) fn describe(&self, error: io::Error) -> io::Error {
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
