//! Detection of network interfaces that are in use.

use std::borrow::ToOwned;
use std::ffi::CStr;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::string::{String, ToString};

use crate::linux::error::InUse;
use crate::linux::host::{self, Host};
use crate::linux::{Error, PciAddress};

/// IFF_UP in the file `flags`.
const UP: u64 = libc::IFF_UP as u64;

/// Counts the network interfaces of the function in `folder`, and returns an error if one is up and in use.
pub(crate) fn check_unused(host: &Host, address: PciAddress, folder: &Path) -> Result<usize, Error> {
    let interfaces = host::list(&folder.join("net"))?;
    for interface in &interfaces {
        let class = folder.join("net").join(interface);
        if host::read_hex(&class.join("flags"), "flags of a network interface, as 0x1003")? & UP == 0 {
            continue;
        }
        if let Some(because) = in_use(host, &class, interface)? {
            return Err(Error::InterfaceInUse { address, interface: interface.clone(), because });
        }
    }
    Ok(interfaces.len())
}

fn in_use(host: &Host, class: &Path, interface: &str) -> Result<Option<InUse>, Error> {
    if let Some(address) = (host.address_of)(interface) {
        return Ok(Some(InUse::IpAddress(address)));
    }
    if let Some(upper) = host::list(class)?.iter().find_map(|name| name.strip_prefix("upper_")) {
        return Ok(Some(InUse::Upper(upper.to_owned())));
    }
    // The interface is the first column of one file and the last of the other.
    let routes = host::read(&host.proc.join("net/route"))?;
    let has = routes.lines().any(|line| line.split_whitespace().next() == Some(interface));
    // There is no such file without IPv6.
    let routes = host::read(&host.proc.join("net/ipv6_route")).unwrap_or_default();
    // Every interface that is up has a route for multicast.
    let mut unicast = routes.lines().filter(|line| !line.starts_with("ff"));
    let has6 = unicast.any(|line| line.split_whitespace().last() == Some(interface));
    Ok((has || has6).then_some(InUse::Route))
}

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
