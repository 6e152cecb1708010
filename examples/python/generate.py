#!/usr/bin/python3
"""A service map in, a haproxy.cfg out, through ctypes: no binding has to be compiled.

usage: generate.py SERVICES.yaml > haproxy.cfg
The shared library is looked for by its usual name; LIBKHAP names another file.

SPDX-License-Identifier: MIT
"""
import ctypes
import os
import sys


class Str(ctypes.Structure):
    _fields_ = [("ptr", ctypes.c_char_p), ("len", ctypes.c_size_t)]

    @classmethod
    def of(cls, data):
        return cls(data, len(data))


WRITE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t)


class Sink(ctypes.Structure):
    _fields_ = [("ctx", ctypes.c_void_p), ("write", WRITE)]


def sink(stream):
    def write(_ctx, data, length):
        stream.write(ctypes.string_at(data, length))
        return 0

    return Sink(None, WRITE(write))


khap = ctypes.CDLL(os.environ.get("LIBKHAP", "libkhap.so.0"))
# only what does not return an int and takes pointers by value needs to be declared
handle, handles = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)
for name, result, arguments in (
    ("khap_version", ctypes.c_char_p, []),
    ("khap_status_text", ctypes.c_char_p, [ctypes.c_int]),
    ("khap_sources_new", ctypes.c_int, [handle, handles]),
    ("khap_sources_add", ctypes.c_int, [handle, Str, Str, ctypes.POINTER(ctypes.c_uint32)]),
    ("khap_sources_free", None, [handle]),
    ("khap_diags_new", ctypes.c_int, [handle, handle, handles]),
    ("khap_diags_print", ctypes.c_int, [handle, ctypes.c_uint, ctypes.POINTER(Sink)]),
    ("khap_diags_free", None, [handle]),
    ("khap_model_new", ctypes.c_int, [handle, handles]),
    ("khap_model_read", ctypes.c_int, [handle, ctypes.c_uint32, handle]),
    ("khap_model_free", None, [handle]),
    ("khap_generate", ctypes.c_int, [handle, handle, handle, handles]),
    ("khap_bundle_next", handle, [handle, handle]),
    ("khap_bundle_file_print", ctypes.c_int, [handle, ctypes.POINTER(Sink)]),
    ("khap_bundle_free", None, [handle]),
):
    function = getattr(khap, name)
    function.restype, function.argtypes = result, arguments


class Failed(Exception):
    pass


def must(status):
    if status:
        raise Failed(khap.khap_status_text(status).decode())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as file:
        text = file.read()
    name = os.fsencode(sys.argv[1])
    sources, diags, model, bundle, source = handle(), handle(), handle(), handle(), ctypes.c_uint32()
    out, err = sink(sys.stdout.buffer), sink(sys.stderr.buffer)
    status = 0
    try:
        must(khap.khap_sources_new(None, sources))
        must(khap.khap_diags_new(None, sources, diags))
        must(khap.khap_model_new(None, model))
        must(khap.khap_sources_add(sources, Str.of(name), Str.of(text), source))
        must(khap.khap_model_read(model, source, diags))
        must(khap.khap_generate(model, None, diags, bundle))
        must(khap.khap_bundle_file_print(khap.khap_bundle_next(bundle, None), out))
    except Failed as why:
        print("%s: %s" % (sys.argv[1], why), file=sys.stderr)
        status = 2
    if diags:
        khap.khap_diags_print(diags, 0, err)
    khap.khap_bundle_free(bundle)
    khap.khap_model_free(model)
    khap.khap_diags_free(diags)
    khap.khap_sources_free(sources)
    return status


if __name__ == "__main__":
    sys.exit(main())
