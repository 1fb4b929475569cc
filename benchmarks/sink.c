/* A destination that is never the bottleneck: an HTTP/1.1 server on loopback that reads bodies and throws them away.
 *
 *   sink [--delay-ms N] [--error-every N] [--error-status CODE] [--retry-after SECONDS]
 *
 * It prints its port, then answers every request: 200 {"success":true}, after the delay, except that each N-th
 * request gets the error status. GET /stats tells at once: requests, errors, bytes, connections, cpu_seconds.
 * One thread, epoll; bodies by Content-Length are dropped in the kernel, chunked ones are parsed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 16384, READ_BYTES = 65536, EVENTS = 256, TURNS = 16, MAX_FDS = 65536, MAX_WAITING = 65536 };

enum state { HEAD, BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER };

struct connection {
    int fd;
    unsigned serial; /* tells a closed connection from a new one with the same descriptor */
    enum state state;
    bool stats;
    size_t used; /* bytes of head, or of the line in hand */
    long long left;
    char head[HEAD_BYTES + 1];
};

struct waiting {
    long long due; /* microseconds */
    int fd;
    unsigned serial;
};

static struct connection *connections[MAX_FDS];
static struct waiting queue[MAX_WAITING];
static unsigned queue_head, queue_tail;
static long long requests, errors, bytes, accepted;
static long long delay_us, error_every, error_status = 500, retry_after = -1;

static long long now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static double cpu_seconds(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void respond(int fd, long long status, const char *headers, const char *body) {
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 %lld %s\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s", status,
                     status == 200 ? "OK" : "Error", headers, strlen(body), body);
    if (send(fd, text, (size_t)n, MSG_NOSIGNAL) < 0) return; /* the client is gone; epoll will say so */
}

static void respond_stats(int fd) {
    char body[256];
    snprintf(body, sizeof body,
             "{\"requests\": %lld, \"errors\": %lld, \"bytes\": %lld, \"connections\": %lld, \"cpu_seconds\": %.3f}",
             requests, errors, bytes, accepted, cpu_seconds());
    respond(fd, 200, "", body);
}

static void respond_batch(int fd) {
    static long long turn;
    if (error_every > 0 && ++turn % error_every == 0) {
        char headers[64] = "";
        if (retry_after >= 0) snprintf(headers, sizeof headers, "Retry-After: %lld\r\n", retry_after);
        errors++;
        respond(fd, error_status, headers, "{\"error\":\"as asked\"}");
    } else {
        respond(fd, 200, "", "{\"success\":true}");
    }
}

static void request_ended(struct connection *c) {
    c->state = HEAD;
    c->used = 0;
    if (c->stats) {
        respond_stats(c->fd);
        return;
    }
    requests++;
    if (delay_us == 0) {
        respond_batch(c->fd);
        return;
    }
    queue[queue_tail++ % MAX_WAITING] = (struct waiting){now_us() + delay_us, c->fd, c->serial};
}

/* The head is complete: find out what follows it. */
static void head_ended(struct connection *c) {
    c->stats = strncmp(c->head, "GET /stats", 10) == 0;
    c->used = 0;
    if (strcasestr(c->head, "\r\nexpect: 100-continue")) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (send(c->fd, go_on, sizeof go_on - 1, MSG_NOSIGNAL) < 0) return;
    }
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    if (strcasestr(c->head, "\r\ntransfer-encoding: chunked")) {
        c->state = CHUNK_SIZE;
        return;
    }
    c->left = length ? atoll(length + strlen("\r\ncontent-length:")) : 0;
    c->state = BODY;
    if (c->left == 0) request_ended(c);
}

static size_t eat_head(struct connection *c, const char *data, size_t n) {
    size_t old = c->used, taken = n < HEAD_BYTES - old ? n : HEAD_BYTES - old;
    memcpy(c->head + old, data, taken);
    c->head[old + taken] = 0;
    const char *end = strstr(c->head + (old > 3 ? old - 3 : 0), "\r\n\r\n");
    if (!end) {
        c->used += taken;
        return taken;
    }
    size_t used = (size_t)(end - c->head) + 4 - old;
    c->head[end - c->head + 2] = 0;
    head_ended(c);
    return used;
}

static size_t eat_data(struct connection *c, size_t n) {
    size_t taken = (long long)n < c->left ? n : (size_t)c->left;
    c->left -= (long long)taken;
    bytes += (long long)taken;
    if (c->left == 0) {
        if (c->state == BODY) request_ended(c);
        else c->state = CHUNK_END;
    }
    return taken;
}

/* One character of a chunk's frame: its size line, the line end after its data, or the trailer. */
static void eat_frame(struct connection *c, char byte) {
    if (byte != '\n') {
        if (byte != '\r' && c->used < HEAD_BYTES) c->head[c->used++] = byte;
        return;
    }
    c->head[c->used] = 0;
    bool empty = c->used == 0;
    c->used = 0;
    if (c->state == CHUNK_END) {
        c->state = CHUNK_SIZE;
    } else if (c->state == TRAILER) {
        if (empty) request_ended(c);
    } else {
        c->left = strtoll(c->head, NULL, 16);
        c->state = c->left > 0 ? CHUNK_DATA : TRAILER;
    }
}

/* False: this is no HTTP that we know; hang up. */
static bool feed(struct connection *c, const char *data, size_t n) {
    for (size_t at = 0; at < n;) {
        if (c->state == HEAD) {
            size_t taken = eat_head(c, data + at, n - at);
            if (taken == 0) return false;
            at += taken;
        } else if (c->state == BODY || c->state == CHUNK_DATA) {
            at += eat_data(c, n - at);
        } else {
            eat_frame(c, data[at++]);
        }
    }
    return true;
}

static void hang_up(struct connection *c) {
    close(c->fd);
    connections[c->fd] = NULL;
    free(c);
}

static void read_some(struct connection *c) {
    static char data[READ_BYTES];
    for (int turn = 0; turn < TURNS; turn++) {
        ssize_t n;
        if (c->state == BODY) {
            n = recv(c->fd, NULL, c->left < (1 << 30) ? (size_t)c->left : 1 << 30, MSG_TRUNC);
            if (n > 0) eat_data(c, (size_t)n);
        } else {
            n = recv(c->fd, data, sizeof data, 0);
            if (n > 0 && !feed(c, data, (size_t)n)) n = 0;
        }
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            hang_up(c);
            return;
        }
    }
}

static void accept_all(int listener, int epoll) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *c = fd < MAX_FDS ? calloc(1, sizeof *c) : NULL;
        if (!c) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        c->serial = (unsigned)++accepted;
        connections[fd] = c;
        struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted);
    }
}

/* Answers what is due; returns the milliseconds until the next is, or -1. */
static int answer_due(void) {
    while (queue_head != queue_tail) {
        struct waiting *w = &queue[queue_head % MAX_WAITING];
        long long left = w->due - now_us();
        if (left > 0) return (int)((left + 999) / 1000);
        struct connection *c = connections[w->fd];
        if (c && c->serial == w->serial) respond_batch(c->fd);
        queue_head++;
    }
    return -1;
}

static int listen_somewhere(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 4096)) {
        perror("sink");
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void read_options(int count, char **words) {
    for (int i = 1; i + 1 < count; i += 2) {
        long long value = atoll(words[i + 1]);
        if (!strcmp(words[i], "--delay-ms")) delay_us = value * 1000;
        else if (!strcmp(words[i], "--error-every")) error_every = value;
        else if (!strcmp(words[i], "--error-status")) error_status = value;
        else if (!strcmp(words[i], "--retry-after")) retry_after = value;
        else {
            fprintf(stderr, "sink: unknown option %s\n", words[i]);
            exit(2);
        }
    }
}

int main(int count, char **words) {
    read_options(count, words);
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_somewhere(), epoll = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &wanted);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, answer_due());
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) accept_all(listener, epoll);
            else if (connections[fd]) read_some(connections[fd]);
        }
    }
}
