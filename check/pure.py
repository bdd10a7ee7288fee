#!/usr/bin/env python3
"""pure.py BUILD: the libraries of the pure folders (src/layers.txt) may call one another and what is listed here:
nothing that touches a file, a socket, a clock, a thread or the environment. Exit 1 if one does."""
import pathlib
import re
import subprocess
import sys

import layers

ALLOWED = re.compile(
    r"_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__tls_get_addr"
    r"|malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|free|abort"
    r"|(mem|str|stp)[a-z]+|(__isoc\d+_)?strto[a-z]+|v?snprintf|qsort|bsearch|__ctype_\w+|tolower|toupper"
    r"|l?l?(ceil|floor|round|trunc|fabs|log|log2|exp|pow|ldexp|frexp)[fl]?"
    r"|__(mem|str|v?snprintf)\w*_chk"
    r"|crc32_iscsi|crc64_\w+"
    r"|LZ4F?_\w+|XXH\w+|ZSTD_\w+|ZDICT_\w+|libdeflate_\w+|(in|de)flate\w*|crc32|adler32|zlibVersion"
    r"|EVP_\w+|HMAC\w*|PKCS5_\w+|CRYPTO_memcmp|OPENSSL_cleanse")
# Words to a person on the way out, when nobody has set a sink
ALLOWED_IN = {"base": re.compile(r"stderr|fprintf|vfprintf|fwrite|fputs|fputc|__v?fprintf_chk")}
DENIED = re.compile(r"strerror\w*|memfd_create")  # a locale and a file under names that look like text


def symbols(archive, *flags):
    text = subprocess.run(["nm", "-A", "-P", *flags, archive], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        where, _, rest = line.partition("]: ")
        yield where.partition("[")[2], rest.split()[0].partition("@")[0]


def is_allowed(folder, symbol):
    if DENIED.fullmatch(symbol):
        return False
    extra = ALLOWED_IN.get(folder)
    return bool(ALLOWED.fullmatch(symbol) or (extra and extra.fullmatch(symbol)))


def faults(archives):
    """archives: {folder: path}"""
    own = {symbol for path in archives.values() for _, symbol in symbols(path, "--defined-only")}
    for folder, path in archives.items():
        for unit, symbol in symbols(path, "-u"):
            if symbol not in own and not is_allowed(folder, symbol):
                yield f"{folder}/{unit}: calls {symbol}, but {folder} is pure"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    build = pathlib.Path(sys.argv[1])
    archives = {}
    for folder in layers.read_rows((root / "src/layers.txt").read_text())["pure"]:
        archive = build / f"src/{folder}/lib{folder}.a"
        if any((root / "src" / folder).rglob("*.c")):
            archives[folder] = archive
    found = list(faults(archives))
    for fault in found:
        print(fault)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
