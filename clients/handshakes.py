"""handshakes.py COUNT PORT CERTIFICATE [VERSION]: so many whole TLS handshakes with a server on the
loopback interface, eight at a time, each a connection of its own without resumption. Trusts that one
certificate only. Prints a line; fails if any handshake fails."""

import collections
import concurrent.futures
import socket
import ssl
import sys
import time

count, port, certificate = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


def context():
    made = ssl.create_default_context(cafile=certificate)
    if len(sys.argv) > 4:
        made.minimum_version = made.maximum_version = ssl.TLSVersion[sys.argv[4]]
    return made


def handshake(_):
    with socket.create_connection(("127.0.0.1", port), 30) as plain:
        with context().wrap_socket(plain, server_hostname="127.0.0.1") as secure:
            if secure.session_reused:
                raise RuntimeError("a resumed session: the key was not used")
            secure.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if not secure.recv(1):
                raise RuntimeError("no answer")
            return secure.version(), secure.cipher()[0]


started = time.monotonic()
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    kinds = collections.Counter(pool.map(handshake, range(count)))
seconds = time.monotonic() - started
print(f"{count} handshakes, none failed, {seconds:.1f} s:",
      ", ".join(f"{number} {version} {cipher}" for (version, cipher), number in kinds.items()))
