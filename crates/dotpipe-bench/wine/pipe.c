/*
 * pipe.c - both ends of Windows' named pipes for the benchmark.
 *
 *   pipe server|client NAME MICROSECONDS
 *
 * Both processes go through the same list of tasks, each on a pipe of its own, for so many microseconds
 * each. Every message carries its number and, when it is the last of a task, a bit that says so; both
 * sides check the numbers, and the client every byte of what comes back. Whoever measured prints
 * "result TASK VALUE:COUNT,..." with times in picoseconds; each prints "done" at its end.
 */
#define _WIN32_WINNT 0x0601
#include <windows.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAST (1ull << 63)
#define QUOTA 65536
#define LONGEST (1u << 20)
#define MAX_SAMPLES 20000
#define BETWEEN_LOOKS (128u << 10) /* bytes of a stream after which the clock is read */
#define STRETCH_NS 2000000.0       /* a sample of a stream, at the least */

enum what { ROUND_TRIP, STREAM, OPEN_CALL_CLOSE };

static const struct task {
    const char *name;
    enum what what;
    bool message;
    DWORD len;
} tasks[] = {
    {"round-trip-64-apart", ROUND_TRIP, true, 64},
    {"round-trip-4096-apart", ROUND_TRIP, true, 4096},
    {"stream-byte-64", STREAM, false, 64},
    {"stream-byte-4096", STREAM, false, 4096},
    {"stream-byte-65536", STREAM, false, 65536},
    {"stream-byte-1048576", STREAM, false, LONGEST},
    {"stream-message-64", STREAM, true, 64},
    {"stream-message-4096", STREAM, true, 4096},
    {"stream-message-65536", STREAM, true, 65536},
    {"stream-message-1048576", STREAM, true, LONGEST},
    {"open-call-close", OPEN_CALL_CLOSE, true, 64},
};

static unsigned char sent[LONGEST], received[LONGEST];
static uint64_t samples[MAX_SAMPLES];
static size_t sample_count;
static double slice_ns;

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static double now_ns(void)
{
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return 1e9 * (double)count.QuadPart / (double)frequency.QuadPart;
}

static void add_sample(double ns)
{
    if (sample_count < MAX_SAMPLES)
        samples[sample_count++] = (uint64_t)(1000 * ns);
}

static void print_samples(const struct task *task)
{
    if (sample_count == 0)
        return;
    printf("result %s ", task->name);
    for (size_t i = 0; i < sample_count; i++)
        printf("%s%llu:1", i ? "," : "", (unsigned long long)samples[i]);
    printf("\n");
    sample_count = 0;
}

static void send_message(HANDLE pipe, const unsigned char *data, DWORD len)
{
    DWORD count;
    if (!WriteFile(pipe, data, len, &count, NULL) || count != len)
        fail("write: error %lu after %lu of %lu bytes", GetLastError(), count, len);
}

static void receive_message(HANDLE pipe, unsigned char *data, DWORD len, bool message)
{
    DWORD count, at = 0;
    do {
        if (!ReadFile(pipe, data + at, len - at, &count, NULL))
            fail("read: error %lu", GetLastError());
        at += count;
        if (message && at != len)
            fail("a message of %lu bytes instead of %lu", at, len);
    } while (at < len);
}

static uint64_t word(const unsigned char *data)
{
    uint64_t value;
    memcpy(&value, data, sizeof value);
    return value;
}

static void expect(uint64_t number)
{
    if ((word(received) & ~LAST) != number)
        fail("message %llu came instead of %llu", (unsigned long long)(word(received) & ~LAST),
             (unsigned long long)number);
}

static void number_message(uint64_t number, bool last)
{
    uint64_t value = number | (last ? LAST : 0);
    memcpy(sent, &value, sizeof value);
}

/* Asks, and checks that the same comes back. */
static void call(HANDLE pipe, const struct task *task, uint64_t number, bool last)
{
    number_message(number, last);
    send_message(pipe, sent, task->len);
    receive_message(pipe, received, task->len, task->message);
    if (memcmp(sent, received, task->len) != 0)
        fail("message %llu came back changed", (unsigned long long)number);
}

/* Answers; says whether it was the last one. */
static bool answer(HANDLE pipe, const struct task *task, uint64_t number)
{
    receive_message(pipe, received, task->len, task->message);
    expect(number);
    send_message(pipe, received, task->len);
    return word(received) & LAST;
}

static HANDLE make_instance(const char *name, const struct task *task)
{
    DWORD mode = task->message ? PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE : PIPE_TYPE_BYTE;
    HANDLE pipe = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, mode, PIPE_UNLIMITED_INSTANCES, QUOTA,
                                   QUOTA, 0, NULL);
    if (pipe == INVALID_HANDLE_VALUE)
        fail("create %s: error %lu", name, GetLastError());
    return pipe;
}

static void wait_for_client(HANDLE pipe)
{
    if (!ConnectNamedPipe(pipe, NULL) && GetLastError() != ERROR_PIPE_CONNECTED)
        fail("connect: error %lu", GetLastError());
}

/* Opens a pipe that may be busy, or not there yet when the other process is behind. */
static HANDLE open_pipe(const char *name, const struct task *task)
{
    for (int tries = 0;; tries++) {
        HANDLE pipe = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
        if (pipe != INVALID_HANDLE_VALUE) {
            DWORD mode = PIPE_READMODE_MESSAGE;
            if (task->message && !SetNamedPipeHandleState(pipe, &mode, NULL, NULL))
                fail("set the mode: error %lu", GetLastError());
            return pipe;
        }
        DWORD error = GetLastError();
        if (error == ERROR_PIPE_BUSY)
            WaitNamedPipeA(name, 1000);
        else if (error == ERROR_FILE_NOT_FOUND && tries < 20000)
            Sleep(1);
        else
            fail("open %s: error %lu", name, error);
    }
}

static uint64_t looks_at(DWORD len)
{
    return len < BETWEEN_LOOKS ? BETWEEN_LOOKS / len : 1;
}

static void client(const char *name, const struct task *task)
{
    HANDLE pipe = task->what == OPEN_CALL_CLOSE ? NULL : open_pipe(name, task);
    uint64_t look = looks_at(task->len);
    double end = now_ns() + slice_ns;
    bool last = false;
    for (uint64_t number = 0; !last; number++) {
        double begun = now_ns();
        switch (task->what) {
        case ROUND_TRIP:
            last = begun >= end && number > 0;
            call(pipe, task, number, last);
            break;
        case OPEN_CALL_CLOSE:
            last = begun >= end && number > 0;
            pipe = open_pipe(name, task);
            call(pipe, task, number, last);
            CloseHandle(pipe);
            break;
        case STREAM:
            last = number % look == look - 1 && begun >= end;
            if (last) {
                call(pipe, task, number, last);
            } else {
                number_message(number, false);
                send_message(pipe, sent, task->len);
            }
            continue;
        }
        if (number > 0)
            add_sample(now_ns() - begun);
    }
    if (task->what != OPEN_CALL_CLOSE)
        CloseHandle(pipe);
}

static void serve_stream(HANDLE pipe, const struct task *task)
{
    uint64_t look = looks_at(task->len), begun_with = 0;
    double begun = now_ns();
    bool warm = false, last = false;
    for (uint64_t number = 0; !last; number++) {
        receive_message(pipe, received, task->len, task->message);
        expect(number);
        last = word(received) & LAST;
        if (number % look == look - 1 || last) {
            double time = now_ns() - begun;
            bool only = last && sample_count == 0;
            if ((warm && time >= STRETCH_NS) || only)
                add_sample(time / (double)(number + 1 - begun_with));
            if (time >= STRETCH_NS) {
                warm = true;
                begun = now_ns();
                begun_with = number + 1;
            }
        }
    }
    send_message(pipe, received, task->len);
}

static void server(const char *name, const struct task *task)
{
    HANDLE pipe = make_instance(name, task), next = NULL;
    bool last = false;
    if (task->what == STREAM) {
        wait_for_client(pipe);
        serve_stream(pipe, task);
    }
    for (uint64_t number = 0; task->what != STREAM && !last; number++) {
        if (number == 0 || task->what == OPEN_CALL_CLOSE)
            wait_for_client(pipe);
        if (task->what == OPEN_CALL_CLOSE)
            next = make_instance(name, task);
        last = answer(pipe, task, number);
        if (task->what == OPEN_CALL_CLOSE) {
            FlushFileBuffers(pipe);
            CloseHandle(pipe);
            pipe = next;
        }
    }
    /* What has not been read would be lost with the handle. Fails when the client has gone: it has read. */
    FlushFileBuffers(pipe);
    CloseHandle(pipe);
}

int main(int count, char **arguments)
{
    if (count != 4)
        fail("usage: pipe server|client NAME MICROSECONDS");
    slice_ns = 1000 * strtod(arguments[3], NULL);
    for (size_t i = 0; i < LONGEST; i++)
        sent[i] = (unsigned char)(i * 131 >> 3);
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        char name[256];
        snprintf(name, sizeof name, "\\\\.\\pipe\\%s-%s", arguments[2], tasks[i].name);
        if (strcmp(arguments[1], "server") == 0)
            server(name, &tasks[i]);
        else
            client(name, &tasks[i]);
        print_samples(&tasks[i]);
    }
    printf("done\n");
    return 0;
}
