"""Little that unpacks to much, in each codec, made by hand: `size` bytes of one letter."""

import struct
import zlib

from wire import uvarint

KIB, MIB = 1 << 10, 1 << 20


def gzip(size):
    c = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b"x" * MIB
    return b"".join(c.compress(piece) for _ in range(size // MIB)) + c.compress(b"x" * (size % MIB)) + c.flush()


def snappy(size):
    """One literal, then copies of 64 bytes from one back."""
    count, rest = divmod(size - 1, 64)
    return uvarint(size) + b"\x00x" + b"\xfe\x01\x00" * count + (bytes([rest - 1 << 2 | 2]) + b"\x01\x00" if rest else b"")


def stored_snappy(data):
    """One literal: nothing is made of it but itself."""
    return uvarint(len(data)) + b"\xf4" + struct.pack("<H", len(data) - 1) + data


def lz4_block(size):
    more = size - 1 - 5 - 4 - 15  # one letter, its repetition, five letters
    return b"\x1fx\x01\x00" + b"\xff" * (more // 255) + bytes([more % 255]) + b"\x50xxxxx"


def lz4(size):
    """A frame of blocks of 4 MiB at the most."""
    out = b"\x04\x22\x4d\x18\x60\x70\x73"
    while size > 0:
        block = lz4_block(min(size, 4 * MIB))
        out += struct.pack("<I", len(block)) + block
        size -= 4 * MIB
    return out + bytes(4)


def zstd(size):
    """A frame of blocks that say: so many times this byte. The window is 8 MiB, its length is not told."""
    out = b"\x28\xb5\x2f\xfd\x00\x68"
    while size > 0:
        n = min(size, 128 * KIB)
        size -= n
        out += struct.pack("<I", (size == 0) | 1 << 1 | n << 3)[:3] + b"x"
    return out


MADE = {"lz4": lz4, "gzip": gzip, "zstd": zstd, "snappy": snappy}
