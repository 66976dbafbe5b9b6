//! Ports that nobody listens on.

use std::{io, net::TcpListener};

use anyhow::Result;

/// Two ports that are free now.
pub fn free_ports() -> Result<(u16, u16)> {
    let [one, two] = ports()?;
    Ok((one, two))
}

/// Ports that are free now. All are held until all are known, so that they differ.
pub(super) fn ports<const N: usize>() -> Result<[u16; N]> {
    let listen = |_| TcpListener::bind(("127.0.0.1", 0));
    let held = (0..N).map(listen).collect::<io::Result<Vec<_>>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
