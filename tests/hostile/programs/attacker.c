/* A program that an element puts into the target and starts there: one attack for each word. What
 * the kernel answered is said as `kill: ESRCH`, or `kill: done`. What a system call filter holds is
 * tried by host/target/tests/hostile/hostile.c. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int say(const char *what, long answer)
{
    printf("%s: %s\n", what, answer < 0 ? strerrorname_np(errno) : "done");
    return 0;
}

/* A process of the host, by the number that the host knows it by. */
static int kill_host(const char *pid)
{
    return say("kill", kill(atoi(pid), 0));
}

/* What the kernel tells of a process. */
static int see(const char *path)
{
    return say("see", open(path, O_RDONLY));
}

/* A socket of the host that no mount hides. */
static int abstract(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path + 1, name);
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
    return say("connect", connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, size));
}

/* Out of a root that was only changed: the folder above it by a descriptor that was kept. */
static int escape(const char *file)
{
    int kept = open("/", O_RDONLY | O_DIRECTORY);
    mkdir("/tmp/below", 0700);
    if (chroot("/tmp/below") < 0 || fchdir(kept) < 0)
        return say("chroot", -1);
    for (int i = 0; i < 64; i++)
        if (chdir("..") < 0)
            return say("chdir", -1);
    if (chroot(".") < 0)
        return say("chroot", -1);
    return say("escape", open(file, O_RDONLY));
}

static int switches(const char *path)
{
    return say("switch", open(path, O_WRONLY));
}

static int name_of_host(const char *name)
{
    return say("sethostname", sethostname(name, strlen(name)));
}

static int fifo(const char *path)
{
    return say("fifo", mkfifo(path, 0600));
}

static int lines(const char *text)
{
    printf("%s\n", text);
    return 0;
}

static const struct { const char *name; int (*run)(const char *); } programs[] = {
    {"kill", kill_host}, {"see", see}, {"abstract", abstract},
    {"escape", escape}, {"switch", switches}, {"hostname", name_of_host}, {"fifo", fifo}, {"say", lines},
};

int main(int count, char **words)
{
    for (size_t i = 0; count > 2 && i < sizeof programs / sizeof *programs; i++)
        if (!strcmp(words[1], programs[i].name))
            return programs[i].run(words[2]);
    fprintf(stderr, "no such program\n");
    return 2;
}
