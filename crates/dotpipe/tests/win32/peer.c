/*
 * peer.c - a plain Win32 program at the other end of a pipe: blocking handles, nothing of dotpipe.
 *
 *   peer server NAME   serves one client after the other on a message pipe, sends every message back
 *                      reversed, and ends when one says "enough"
 *   peer client NAME   asks a server that sends messages back reversed, by CallNamedPipe,
 *                      TransactNamedPipe, WriteFile and ReadFile
 *
 * Exit status: 0 all was as it should be, 1 something was not, which it says on standard error.
 *
 *   x86_64-w64-mingw32-gcc -std=c11 -O2 -Wall -Wextra -o peer.exe peer.c
 */
#define _WIN32_WINNT 0x0601
#include <windows.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTA 4096
#define LARGE 1000000u

static unsigned char message[2 * LARGE], expected[2 * LARGE];

static void fail(const char *what)
{
    fprintf(stderr, "peer: %s: error %lu\n", what, GetLastError());
    exit(1);
}

static void check(bool holds, const char *what)
{
    if (!holds) fail(what);
}

static void reverse(unsigned char *bytes, DWORD size)
{
    for (DWORD i = 0; i < size / 2; i++) {
        unsigned char kept = bytes[i];
        bytes[i] = bytes[size - 1 - i];
        bytes[size - 1 - i] = kept;
    }
}

/* Reads one whole message in pieces of up to `piece` bytes; false when there are no more. */
static bool read_message(HANDLE pipe, DWORD piece, DWORD *size)
{
    DWORD count, error;

    for (*size = 0;; *size += count) {
        BOOL done = ReadFile(pipe, message + *size, piece, &count, NULL);
        error = done ? ERROR_SUCCESS : GetLastError();
        if (error == ERROR_BROKEN_PIPE) return false;
        check(done || error == ERROR_MORE_DATA, "ReadFile");
        if (done) { *size += count; return true; }
    }
}

static void write_message(HANDLE pipe, DWORD size)
{
    DWORD count;

    check(WriteFile(pipe, message, size, &count, NULL), "WriteFile");
    check(count == size, "WriteFile wrote less");
}

static int serve(const char *name)
{
    HANDLE pipe = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE,
                                   PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT,
                                   1, QUOTA, QUOTA, 5000, NULL);
    DWORD size;
    bool enough = false;

    check(pipe != INVALID_HANDLE_VALUE, "CreateNamedPipe");
    puts("ready");
    fflush(stdout);
    while (!enough) {
        check(ConnectNamedPipe(pipe, NULL) || GetLastError() == ERROR_PIPE_CONNECTED,
              "ConnectNamedPipe");
        while (read_message(pipe, 1000, &size)) {
            enough = size == 6 && !memcmp(message, "enough", 6);
            reverse(message, size);
            write_message(pipe, size);
        }
        check(DisconnectNamedPipe(pipe), "DisconnectNamedPipe");
    }
    return 0;
}

static void fill(DWORD size)
{
    for (DWORD i = 0; i < size; i++) message[i] = expected[i] = (unsigned char)(7 * i + i / 256);
    reverse(expected, size);
}

static void check_reply(DWORD size, DWORD wanted)
{
    check(size == wanted && !memcmp(message, expected, size), "the reply is another one");
}

static int ask(const char *name)
{
    static const DWORD sizes[] = {1, 100, QUOTA, QUOTA + 1, LARGE};
    DWORD mode = PIPE_READMODE_MESSAGE | PIPE_WAIT, size, state, instances;
    HANDLE pipe;

    fill(100);
    check(CallNamedPipeA(name, message, 100, message, sizeof(message), &size, 20000),
          "CallNamedPipe");
    check_reply(size, 100);

    check(WaitNamedPipeA(name, 20000), "WaitNamedPipe");
    pipe = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(pipe != INVALID_HANDLE_VALUE, "CreateFile");
    check(SetNamedPipeHandleState(pipe, &mode, NULL, NULL), "SetNamedPipeHandleState");
    check(GetNamedPipeHandleStateA(pipe, &state, &instances, NULL, NULL, NULL, 0),
          "GetNamedPipeHandleState");
    check(state == PIPE_READMODE_MESSAGE, "the state is another one");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fill(sizes[i]);
        check(TransactNamedPipe(pipe, message, sizes[i], message, sizeof(message), &size, NULL),
              "TransactNamedPipe");
        check_reply(size, sizes[i]);
        fill(sizes[i]);
        write_message(pipe, sizes[i]);
        check(FlushFileBuffers(pipe), "FlushFileBuffers");
        check(read_message(pipe, 777, &size), "the server has gone");
        check_reply(size, sizes[i]);
    }
    check(CloseHandle(pipe), "CloseHandle");
    return 0;
}

int main(int count, char **words)
{
    if (count == 3 && !strcmp(words[1], "server")) return serve(words[2]);
    if (count == 3 && !strcmp(words[1], "client")) return ask(words[2]);
    fputs("usage: peer server|client NAME\n", stderr);
    return 1;
}
