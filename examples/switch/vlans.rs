//! The VLANs of access ports, as a user gives them.

/// Reads `PORT=ID`.
pub fn parse_access_port(text: &str) -> Result<(usize, u16), String> {
    let port = text.split_once('=').and_then(|(port, vlan)| Some((port.parse().ok()?, vlan.parse().ok()?)));
    port.filter(|(_, vlan)| (1..=4094).contains(vlan)).ok_or("it looks like 0=10, and a VLAN is 1 to 4094".into())
}

/// Returns the VLAN of each of `ports` ports, or `None` for a trunk.
pub fn access_ports(ports: usize, vlans: &[(usize, u16)]) -> Result<Vec<Option<u16>>, String> {
    let mut access = vec![None; ports];
    for (port, vlan) in vlans {
        let of = access.get_mut(*port).ok_or_else(|| format!("--vlan {port}={vlan}: there is no port {port}"))?;
        if let Some(other) = of.replace(*vlan) {
            return Err(format!("--vlan {port}={vlan}: port {port} is an access port of VLAN {other} already"));
        }
    }
    Ok(access)
}
