//! Detection of network interfaces that are in use.

use std::borrow::ToOwned;
use std::path::Path;

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
