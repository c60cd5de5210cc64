/* Programs that try to get out of the box, one for each word: of a target (host/tree/tests) and of
 * a build (tests/hostile). What the kernel answered is said as `EPERM`, or `done`: the test decides
 * what it should be. Bounded by themselves, so that a box that does not hold does not take the
 * machine with it. Without a library of the tree: cc -static. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <unistd.h>

static int say(const char *what, long answer)
{
    printf("%s: %s\n", what, answer < 0 ? strerrorname_np(errno) : "done");
    fflush(stdout);
    return 0;
}
#define SAY(call) say(#call, (call))
/* The same under a name that is short, for calls that have no wrapper. */
#define CALL(name, ...) say(#name, syscall(SYS_##name, ##__VA_ARGS__))

static int mounts(void)
{
    /* Folders that are not there: what refuses first is the filter. */
    CALL(mount, "none", "/nowhere", "tmpfs", 0, 0);
    CALL(umount2, "/nowhere", 0);
    CALL(pivot_root, "/nowhere", "/nowhere");
    CALL(open_tree, AT_FDCWD, "/nowhere", 0);
    CALL(fsconfig, -1, 0, 0, 0, 0);
    CALL(mount_setattr, AT_FDCWD, "/nowhere", 0, 0, 0);
    return 0;
}

/* Over a folder that is there: the filter refuses first, and then the capabilities do. */
static int mount_here(void)
{
    CALL(mount, "none", "/tmp", "tmpfs", 0, 0);
    CALL(fsconfig, -1, 0, 0, 0, 0);
    return 0;
}

static int namespaces(void)
{
    static const struct { const char *name; int flag; } kinds[] = {
        {"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS}, {"network", CLONE_NEWNET},
        {"pid", CLONE_NEWPID}, {"time", 0x80},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        say(kinds[i].name, unshare(kinds[i].flag));
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(0);
    say("clone", child);
    CALL(clone3, 0, 0);
    CALL(setns, -1, 0);
    /* Not a namespace: allowed. */
    say("files", unshare(CLONE_FS | CLONE_FILES));
    return 0;
}

static int tracing(void)
{
    say("traceme", ptrace(PTRACE_TRACEME, 0, 0, 0));
    char here[8] = "here", there[8];
    struct iovec from = {here, sizeof here}, to = {there, sizeof there};
    say("readv", process_vm_readv(getpid(), &to, 1, &from, 1, 0));
    CALL(pidfd_getfd, -1, 0, 0);
    return 0;
}

static int kernel(void)
{
    CALL(quotactl_fd, -1, 0, 0, 0);
    CALL(finit_module, -1, "", 0);
    CALL(swapon, "/nowhere", 0);
    CALL(personality, 0x0040000);
#ifdef __x86_64__
    CALL(iopl, 0);
#endif
    return 0;
}

static int machinery(void)
{
    char parameters[256] = {0};
    CALL(io_uring_setup, 1, parameters);
    CALL(userfaultfd, 1);
    CALL(bpf, 0, 0, 0);
    CALL(perf_event_open, 0, 0, -1, -1, 0);
    return 0;
}

static int keys(void)
{
    say("session", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1));
    say("add", syscall(SYS_add_key, "user", "dibhost-test", "x", 1, KEY_SPEC_PROCESS_KEYRING));
    return 0;
}

/* The way out of many containers: the filesystem that the tree lies on, whatever its root is. */
static int handles(void)
{
    struct { struct file_handle head; char room[128]; } handle = {{128, 0}};
    int mount;
    say("name", name_to_handle_at(AT_FDCWD, "/etc/passwd", &handle.head, &mount, 0));
    say("open", open_by_handle_at(open("/", O_RDONLY), &handle.head, O_RDONLY));
    return 0;
}

static int sockets(void)
{
    say("unix", socket(AF_UNIX, SOCK_STREAM, 0));
    say("inet", socket(AF_INET, SOCK_DGRAM, 0));
    say("inet6", socket(AF_INET6, SOCK_STREAM, 0));
    say("route", socket(AF_NETLINK, SOCK_RAW, 0));
    say("audit", socket(AF_NETLINK, SOCK_RAW, 9));
    say("generic", socket(AF_NETLINK, SOCK_RAW, 16));
    say("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
    say("alg", socket(AF_ALG, SOCK_SEQPACKET, 0));
    say("packet", socket(AF_PACKET, SOCK_RAW, 0));
    say("raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    return 0;
}

static int pairs(void)
{
    int pair[2];
    say("unix", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    say("inet", socketpair(AF_INET, SOCK_STREAM, 0, pair));
    say("netlink", socketpair(AF_NETLINK, SOCK_RAW, 0, pair));
    say("tipc", socketpair(30, SOCK_STREAM, 0, pair));
    say("tcp", socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
    say("udp", socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP));
    say("mptcp", socket(AF_INET, SOCK_STREAM, 262));
    say("udplite", socket(AF_INET6, SOCK_DGRAM, 136));
    say("sctp", socket(AF_INET, SOCK_STREAM, 132));
    say("dccp", socket(AF_INET, 6 | SOCK_CLOEXEC, 0));
    return 0;
}

static int terminal(void)
{
    say("type", ioctl(-1, TIOCSTI, "x"));
    say("linux", ioctl(-1, TIOCLINUX, "x"));
    say("width", ioctl(-1, TIOCGWINSZ, 0));
    /* The kernel looks at the lower half of the number only. */
    say("upper", syscall(SYS_ioctl, -1, 0xdead00000000ul | TIOCSTI, "x"));
    return 0;
}

static int young(void)
{
    say("file_setattr", syscall(469, -1, 0, 0, 0, 0));
    say("x32", syscall(0x40000000 | 39));
    return 0;
}

/* A call of another architecture. */
static int foreign(void)
{
#ifdef __x86_64__
    long answer;
    __asm__ volatile("int $0x80" : "=a"(answer) : "a"(20) : "memory");
    printf("answered %ld\n", answer);
#else
    raise(SIGSYS);
#endif
    return 0;
}

static int devices(void)
{
    say("character", mknod("/usr/node", S_IFCHR | 0600, makedev(1, 5)));
    say("block", mknod("/tmp/node", S_IFBLK | 0600, makedev(254, 0)));
    say("pipe", mknod("/tmp/pipe", S_IFIFO | 0600, 0));
    return 0;
}

static int landlock(void)
{
    int bits;
    /* How much entropy the host has: a request that needs no capability. */
    say("ioctl", ioctl(open("/dev/urandom", O_RDONLY), 0x80045200, &bits));
    say("terminal", open("/dev/ptmx", O_RDWR | O_NOCTTY) < 0 ? -1 : isatty(3 + 1) - 1);
    return 0;
}

/* Opened only: nothing is written, for a box that does not hold would let it. */
static int files(void)
{
    say("core_pattern", open("/proc/sys/kernel/core_pattern", O_WRONLY));
    say("sysrq", open("/proc/sysrq-trigger", O_WRONLY));
    say("sys", open("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY));
    say("mem", open("/dev/mem", O_RDONLY));
    say("core", open("/proc/kcore", O_RDONLY) < 0 ? -1 : 0);
    printf("of it: %zd\n", read(open("/proc/kcore", O_RDONLY), (char[16]){0}, 16));
    return 0;
}

/* What only an administrator of the kernel may do; harmless when it may. */
static int capabilities(void)
{
    char name[65];
    gethostname(name, sizeof name);
    say("hostname", sethostname(name, strlen(name)));
    say("nice", syscall(SYS_ioprio_set, 1, 0, 1 << 13));
    say("init", open("/proc/1/environ", O_RDONLY));
    return 0;
}

/* Whether root here is root of the machine, whose files and processes would be its own. */
static int ids(void)
{
    unsigned long inside, outside = 0;
    FILE *map = fopen("/proc/self/uid_map", "r");
    if (map && fscanf(map, "%lu %lu", &inside, &outside) == 2 && outside > 0)
        puts("ids: nobody's");
    else
        puts("ids: the machine's");
    return 0;
}

/* Looks for a file of the host by all the old ways out. */
static int escape(const char *marker)
{
    char path[4200];
    int root = open("/", O_RDONLY);
    say("plain", open(marker, O_RDONLY));
    snprintf(path, sizeof path, "/proc/1/root%s", marker);
    say("init", open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/1/cwd/../../../..%s", marker);
    say("cwd", open(path, O_RDONLY));
    for (int fd = 3; fd < 64; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d/../../../../../..%s", fd, marker);
        int found = fd == root ? -1 : open(path, O_RDONLY);
        if (found >= 0)
            printf("by descriptor %d\n", fd);
    }
    mkdir("/tmp/jail", 0700);
    say("chroot", chroot("/tmp/jail"));
    fchdir(root);
    for (int i = 0; i < 64; i++)
        chdir("..");
    say("again", chroot("."));
    say("kept", open(marker, O_RDONLY));
    return 0;
}

static int signals(const char *pid)
{
    say("of the host", kill(atoi(pid), 0));
    say("its parent", kill(getppid(), SIGKILL));
    say("init", kill(1, SIGKILL));
    return 0;
}

/* A copy of itself that is root's, started by another user. */
static int setuid_file(const char *again)
{
    if (!strcmp(again, "second")) {
        printf("uid %d\n", geteuid());
        return 0;
    }
    char buffer[1 << 16];
    int from = open("/usr/bin/hostile", O_RDONLY), to = open("/usr/bin/setuid", O_WRONLY | O_CREAT, 0755);
    for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;)
        write(to, buffer, n);
    close(to);
    say("mode", chmod("/usr/bin/setuid", 04755));
    say("user", setresuid(1, 1, 1));
    execl("/usr/bin/setuid", "setuid", "setuid", "second", (char *)0);
    return 1;
}

static int abstract(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, name, strlen(name));
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
    say("abstract", connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, length));
    return 0;
}

static struct sockaddr_in at(const char *text)
{
    char host[64];
    int port = 0;
    sscanf(text, "%63[^:]:%d", host, &port);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

static int tcp(const char *text)
{
    struct sockaddr_in address = at(text);
    int stream = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(stream, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){3, 0}, sizeof(struct timeval));
    if (connect(stream, (void *)&address, sizeof address) < 0)
        return say("tcp", -1);
    setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){3, 0}, sizeof(struct timeval));
    char word[16] = {0};
    ssize_t read = recv(stream, word, sizeof word - 1, 0);
    /* A forwarder may take what the other side then does not. */
    printf("tcp: %s\n", read > 0 ? word : "nobody");
    return 0;
}

/* On the builder's side: says a word to whoever comes to its loopback, as long as its parent lives. */
static int greet(const char *port)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char text[80];
    snprintf(text, sizeof text, "127.0.0.1:%s", port);
    struct sockaddr_in address = at(text);
    int door = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(door, (void *)&address, sizeof address) < 0 || listen(door, 8) < 0)
        return say("greet", -1);
    say("greet", 0);
    for (;;) {
        int guest = accept(door, 0, 0);
        write(guest, "loopback", 8);
        close(guest);
    }
}

/* The builder's loopback, by each address that could lead there: `127.0.0.1`, the gateway. */
static int reach(const char *port)
{
    static const char *addresses[] = {"127.0.0.1", "198.51.100.2", "198.51.100.1"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        char text[80], word[16] = {0};
        snprintf(text, sizeof text, "%s:%s", addresses[i], port);
        struct sockaddr_in address = at(text);
        int stream = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(stream, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){2, 0}, sizeof(struct timeval));
        setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){2, 0}, sizeof(struct timeval));
        if (connect(stream, (void *)&address, sizeof address) == 0
            && recv(stream, word, sizeof word - 1, 0) > 0 && !strcmp(word, "loopback"))
            return printf("reach: the builder's loopback by %s\n", addresses[i]) < 0;
    }
    puts("reach: nobody");
    return 0;
}

/* Asks whom `/etc/resolv.conf` names. */
static int resolver(void)
{
    char host[64] = "", text[80], word[16] = {0};
    FILE *file = fopen("/etc/resolv.conf", "r");
    if (!file || fscanf(file, "nameserver %63s", host) != 1)
        return 1;
    snprintf(text, sizeof text, "%s:53", host);
    struct sockaddr_in address = at(text);
    int packets = socket(AF_INET, SOCK_DGRAM, 0);
    setsockopt(packets, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){1, 0}, sizeof(struct timeval));
    for (int turn = 0; turn < 10; turn++) {
        sendto(packets, "ask", 3, 0, (void *)&address, sizeof address);
        if (recv(packets, word, sizeof word - 1, 0) > 0)
            break;
    }
    printf("%s: %s\n", host, word);
    return 0;
}

/* Ends of itself after as many as no machine minds. */
static int forks(void)
{
    int children = 0;
    for (; children < 1000; children++) {
        pid_t child = fork();
        if (child == 0) {
            pause();
            _exit(0);
        }
        if (child < 0)
            break;
    }
    printf("%d children\n", children);
    return children < 1000;
}

static int take(size_t piece, int pieces)
{
    for (int i = 0; i < pieces; i++) {
        char *memory = mmap(0, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            return 1;
        memset(memory, i + 1, piece);
    }
    printf("%zu MiB\n", (piece >> 20) * pieces);
    return 0;
}

static int memory(void)
{
    return take(1 << 20, 300);
}

/* More than a program of the builder may have, on any machine. */
static int hoard(void)
{
    return take(64 << 20, 128);
}

/* A child's memory: what a debugger does, and what reads a password out of another process. */
static int trace_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    long answer = ptrace(PTRACE_SEIZE, child, 0, 0);
    say("seize", answer);
    kill(child, SIGKILL);
    waitpid(child, 0, 0);
    return 0;
}

static int kill_one(const char *pid)
{
    return say("kill", kill(atoi(pid), 0));
}

static int see(const char *path)
{
    return say("see", open(path, O_RDONLY));
}

/* Out of a root that was only changed: the folder above it by a descriptor that was kept. */
static int climb(const char *file)
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
    return say("climb", open(file, O_RDONLY));
}

static int switches(const char *path)
{
    return say("switch", open(path, O_WRONLY));
}

static int fifo(const char *path)
{
    return say("fifo", mkfifo(path, 0600));
}

/* A file whose time is before all times, as some filesystems see it. */
static int before(const char *path)
{
    struct timespec times[2] = {{-1, 0}, {-1, 0}};
    return say("before", utimensat(AT_FDCWD, path, times, 0));
}

/* So that what it has in memory stays on the disk when it ends. */
static int core(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    return say("core", setrlimit(RLIMIT_CORE, &limit));
}

static int words(const char *text)
{
    puts(text);
    return 0;
}

extern char **environ;

/* A variable of whoever builds, and the names of all that there are but the usual ones. */
static int environment(const char *name)
{
    static const char *usual[] = {
        "DEBIAN_FRONTEND", "HOME", "LC_ALL", "PATH", "SOURCE_DATE_EPOCH", "TZ",
    };
    printf("environment: %s, besides:", getenv(name) ? getenv(name) : "none");
    int others = 0;
    for (char **variable = environ; *variable; variable++) {
        size_t length = strcspn(*variable, "="), known = 0;
        for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
            known |= strlen(usual[i]) == length && !strncmp(usual[i], *variable, length);
        if (!known)
            others += printf(" %.*s", (int)length, *variable);
    }
    puts(others ? "" : " nothing");
    return 0;
}

static int endless(void)
{
    /* Not for ever where nothing ends it. */
    alarm(60);
    for (volatile int turn = 0;; turn++)
        ;
}

static int flood(const char *lines)
{
    for (int line = atoi(lines); line > 0; line--)
        puts("flood");
    return 0;
}

/* Goes on when its parent has ended, for some seconds: the folder is a link, then a folder again. */
static int swap(const char *folder)
{
    char link[4096];
    snprintf(link, sizeof link, "%s.link", folder);
    say("folder", mkdir(folder, 0755));
    say("link", symlink("/secret", link));
    pid_t child = fork();
    if (child != 0)
        return say("swap", child);
    setsid();
    for (int fd = 0; fd < 3; fd++)
        dup2(open("/dev/null", O_RDWR), fd);
    for (time_t end = time(0) + 20; time(0) < end;)
        renameat2(AT_FDCWD, folder, AT_FDCWD, link, RENAME_EXCHANGE);
    return 0;
}

/* Whether a folder is another from one moment to the next. */
static int watch(const char *folder)
{
    struct stat first, now;
    if (lstat(folder, &first) < 0)
        return say("watch", -1);
    for (time_t end = time(0) + 2; time(0) < end;)
        if (lstat(folder, &now) == 0 && now.st_ino != first.st_ino)
            return say("watch", 0);
    puts("watch: nobody swaps it");
    return 0;
}

static const struct { const char *name; int (*run)(const char *); } with_word[] = {
    {"escape", escape}, {"signals", signals}, {"setuid", setuid_file}, {"abstract", abstract},
    {"tcp", tcp}, {"kill", kill_one}, {"see", see}, {"climb", climb}, {"switch", switches},
    {"fifo", fifo}, {"before", before}, {"say", words}, {"environment", environment}, {"flood", flood},
    {"swap", swap}, {"watch", watch}, {"greet", greet}, {"reach", reach},
};

static const struct { const char *name; int (*run)(void); } programs[] = {
    {"mounts", mounts}, {"namespaces", namespaces}, {"tracing", tracing}, {"kernel", kernel},
    {"machinery", machinery}, {"keys", keys}, {"handles", handles}, {"sockets", sockets},
    {"pairs", pairs},
    {"terminal", terminal}, {"young", young}, {"foreign", foreign},
    {"files", files}, {"capabilities", capabilities}, {"ids", ids}, {"resolver", resolver},
    {"devices", devices}, {"landlock", landlock}, {"forks", forks}, {"memory", memory}, {"hoard", hoard},
    {"trace", trace_child}, {"mount", mount_here}, {"endless", endless}, {"core", core},
};

int main(int count, char **arguments)
{
    for (size_t i = 0; count > 2 && i < sizeof with_word / sizeof *with_word; i++)
        if (!strcmp(arguments[1], with_word[i].name))
            return with_word[i].run(arguments[2]);
    for (size_t i = 0; count > 1 && i < sizeof programs / sizeof *programs; i++)
        if (!strcmp(arguments[1], programs[i].name))
            return programs[i].run();
    fprintf(stderr, "no such program\n");
    return 2;
}
