"""Where a repository may be fetched from: its host looked up once, and only public machines."""

import ipaddress
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

from pipeline.config import Fetch, Host
from pipeline.fetch.codes import FetchError

PORTS = {"https": 443, "http": 80}
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # RFC 4291; outside lie site-local and IPv4-compatible addresses


class Address(NamedTuple):
    """`url` begins with `base`, under which the host has its repositories. `pin` is what curl is told instead of asking
    the resolver again: host:port:address,address; empty where the host is an IPv6 address itself."""

    url: str
    base: str
    host: str  # as in repo_key
    pin: str


def resolve(url: str, settings: Fetch) -> Address:
    """The address to fetch from in place of `url` of LISTED. Raises FetchError: bad_addr, dns."""
    host = urlsplit(url).netloc
    configured = settings.hosts.get(host, Host())
    base = (configured.url or f"https://{host}").rstrip("/")
    target = urlsplit(base)
    name, port = target.hostname or "", target.port or PORTS[target.scheme]
    found = look_up(name, port)
    if not configured.private_addresses and (private := [text for text in found if not is_public(text)]):
        allow = f'private_addresses = true in [fetch.hosts."{host}"] allows it'
        raise FetchError("bad_addr", f"{name} is at {private[0]}, which is not a public address; {allow}")
    listed = ",".join(f"[{text}]" if ":" in text else text for text in found)
    return Address(base + urlsplit(url).path, base, host, "" if ":" in name else f"{name}:{port}:{listed}")


def look_up(name: str, port: int) -> list[str]:
    """The IP addresses of a host, in the resolver's order. Raises FetchError: dns."""
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a name"
        raise FetchError("dns", f"{name}: {reason}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(text: str) -> bool:
    """Whether an IP address, or the IPv4 address inside it, is one of the internet's."""
    address: IPAddress = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inside = ipaddress.IPv4Address(address.packed[-4:]) if address in NAT64 else address.ipv4_mapped
        if not inside and address not in GLOBAL_UNICAST:
            return False
        address = inside or address.sixtofour or address
    return address.is_global and not address.is_multicast
