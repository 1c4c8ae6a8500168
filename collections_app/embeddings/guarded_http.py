"""HTTP to an address that was checked: the name is resolved once, judged, and what was judged is connected to."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from collections_app.embeddings.addresses import check_host, resolve


def guarded_client(url: str) -> httpx2.Client:
    """Return a client for the server of `url`. It follows no redirection, so the server cannot send it elsewhere.

    A proxy named by the environment (HTTPS_PROXY, NO_PROXY, …) is used; it then resolves the name, and has to judge it.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme)
    if proxy:
        check_host(host)
        return httpx2.Client(transport=httpx2.HTTPTransport(proxy=proxy), follow_redirects=False)
    return httpx2.Client(transport=_Guarded(), follow_redirects=False)


class _Guarded(httpx2.BaseTransport):
    """Connects to the address that it checked, so that a name cannot mean another one a moment later."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport()
        self._last = ""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            addresses = resolve(host, port)
        except OSError as error:
            raise httpx2.ConnectError(f"the name {host} cannot be resolved: {error}", request=request) from error
        # The address of the open connections first; the rest in the system's order.
        for address in sorted(addresses, key=lambda one: one != self._last):
            try:
                response = self._inner.handle_request(_to(request, address, host=host))
            except httpx2.ConnectError as error:
                failed = error
            else:
                self._last = address
                return response
        raise failed

    def close(self) -> None:
        self._inner.close()


def _to(request: httpx2.Request, address: str, *, host: str) -> httpx2.Request:
    """Return `request` sent to `address`, with the name kept in the header Host and in TLS."""
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host},
    )
