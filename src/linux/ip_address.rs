//! IP addresses of network interfaces, which the kernel shows in no file.

use std::borrow::ToOwned;
use std::ffi::CStr;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::string::{String, ToString};

/// Returns an IP address of `interface`, if it has one.
pub(crate) fn address_of(interface: &str) -> Option<String> {
    let mut list = core::ptr::null_mut();
    // SAFETY: the list is written by the system, and freed below.
    if unsafe { libc::getifaddrs(&mut list) } != 0 {
        // Without the list, the interface may have an address, so it counts as in use.
        return Some("(unknown: getifaddrs failed)".to_owned());
    }
    let mut found = None;
    let mut next = list;
    // SAFETY: entries are valid until the list is freed, and the last one points to nothing.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        // SAFETY: the name is a C string that lives as long as the list.
        let name = unsafe { CStr::from_ptr(entry.ifa_name) };
        if name.to_bytes() != interface.as_bytes() || entry.ifa_addr.is_null() {
            continue;
        }
        // SAFETY: the pointer is not null, and the family selects the type; `read_unaligned` needs no alignment.
        found = unsafe {
            match i32::from((*entry.ifa_addr).sa_family) {
                libc::AF_INET => {
                    let address = entry.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned();
                    Some(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).to_string())
                }
                libc::AF_INET6 => {
                    let address = entry.ifa_addr.cast::<libc::sockaddr_in6>().read_unaligned();
                    Some(Ipv6Addr::from(address.sin6_addr.s6_addr).to_string())
                }
                _ => None,
            }
        };
        if found.is_some() {
            break;
        }
    }
    // SAFETY: the list came from `getifaddrs`.
    unsafe { libc::freeifaddrs(list) };
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_an_address() {
        assert!(address_of("lo").is_some());
        assert_eq!(address_of("no-such-interface"), None);
    }
}
