/*
 * bcryptprimitives.dll for a Wine that has none: the one function that Rust's standard library asks for.
 *
 * ProcessPrng fills a buffer with random bytes and cannot fail; so does RtlGenRandom, which Wine has had
 * for long under its true name, SystemFunction036. `.ci/windows` builds this and lays it beside the
 * test programs. It is of no use on Windows, and Wine from version 9 on brings its own.
 */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    while (length) {
        ULONG part = length > 0x10000000 ? 0x10000000 : (ULONG)length;

        if (!SystemFunction036(buffer, part)) return FALSE;
        buffer += part;
        length -= part;
    }
    return TRUE;
}
