"""Which network addresses a `base_url` may lead to: anywhere but to where a machine keeps secrets about itself.

Clouds hand out credentials at link-local and a few other fixed addresses, to whoever asks from within. Loopback and
private addresses are allowed, because Ollama, vLLM and the like live there.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import TypeAlias

from collections_app.exceptions import EmbedderMisconfigured

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_FORBIDDEN = [
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local (RFC 3927): AWS, Azure, Google, Tencent, DigitalOcean, …
        "fe80::/10",  # link-local (RFC 4291)
        "fd00:ec2::/32",  # AWS: metadata, time and name servers
        "fd20:ce::254/128",  # Google Cloud
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure's host
        "192.0.0.192/32",  # Oracle Cloud
        "224.0.0.0/4",  # multicast
        "ff00::/8",
    )
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of `host` in the order to try them.

    Raises OSError if it has none, and EmbedderMisconfigured if one of them is forbidden.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        check_address(address, host=host)
    return addresses


def check_host(host: str) -> None:
    """Refuse a host that is written as a forbidden address; names are judged when they are resolved."""
    try:
        check_address(host, host=host)
    except ValueError:
        return


def is_this_machine(host: str) -> bool:
    """Return whether a host is written as one that can only be this machine: localhost (RFC 6761), or loopback."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return all(one.is_loopback for one in _meant_by(ipaddress.ip_address(host))[-1:])
    except ValueError:
        return False


def check_address(address: str, *, host: str) -> None:
    """Raise EmbedderMisconfigured if `address` is forbidden, ValueError if it is no address."""
    # A zone such as %eth0 does not change what an address is.
    for one in _meant_by(ipaddress.ip_address(address.partition("%")[0])):
        if any(one in network for network in _FORBIDDEN):
            raise EmbedderMisconfigured(
                f"`base_url` leads to {host} at {address}, a link-local, metadata or multicast address. No embedding "
                "server is there; correct `base_url`."
            )


def _meant_by(address: Address) -> list[Address]:
    """Return the address and the IPv4 addresses that it stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *(one for one in embedded if one is not None)]
