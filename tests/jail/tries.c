/* SPDX-License-Identifier: MIT
 * See tries.h. Raw system calls where the C library would get in between. */
#include "tests/jail/tries.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <grp.h>
#include <unistd.h>

#include "base/own.h"

static int got(long r)
{
    return r < 0 ? -1 : 0;
}

static int opens(const char *path, int flags)
{
    return got(openat(AT_FDCWD, path, flags | O_CLOEXEC, 0600));
}

int try_read_passwd(const struct inmate *me)
{
    (void)me;
    return opens("/etc/passwd", O_RDONLY);
}

int try_list_proc(const struct inmate *me)
{
    (void)me;
    return opens("/proc", O_RDONLY | O_DIRECTORY);
}

int try_read_outside(const struct inmate *me)
{
    char path[160];
    snprintf(path, sizeof path, "%s/inside", me->prison->outside);
    return opens(path, O_RDONLY);
}

int try_climb_out(const struct inmate *me)
{
    char path[192];
    snprintf(path, sizeof path, "%s/../outside/inside", me->prison->places[PLACE_BUS]);
    return opens(path, O_RDONLY);
}

int try_write_root(const struct inmate *me)
{
    (void)me;
    return opens("/file", O_WRONLY | O_CREAT);
}

int try_write_bus_ro(const struct inmate *me)
{
    char path[160];
    if (strcmp(me->order->kind, "router") == 0) /* its rows say RW; its own root is what it may not write */
        return try_write_root(me);
    snprintf(path, sizeof path, "%s/new", me->prison->places[PLACE_BUS]);
    return opens(path, O_WRONLY | O_CREAT);
}

static int execs(const char *path)
{
    char *const argv[] = {(char *)(uintptr_t)path, NULL};
    char *const envp[] = {NULL};
    return got(execve(path, argv, envp));
}

int try_exec_shell(const struct inmate *me)
{
    (void)me;
    return execs("/bin/true");
}

int try_exec_place(const struct inmate *me)
{
    char path[160];
    snprintf(path, sizeof path, "%s/inside", me->prison->places[PLACE_BUS]);
    execs(path);
    return errno == ENOEXEC ? 0 : -1; /* ENOEXEC: it was read, and only then found to be no program */
}

int try_open_device(const struct inmate *me)
{
    (void)me;
    return opens("/dev/null", O_RDWR);
}

int try_make_device(const struct inmate *me)
{
    char path[160];
    snprintf(path, sizeof path, "%s/device", me->prison->places[PLACE_BUS]);
    return got(mknod(path, S_IFCHR | 0666, makedev(1, 3)));
}

int try_mount_tmpfs(const struct inmate *me)
{
    return got(mount("none", me->prison->places[PLACE_BUS], "tmpfs", 0, NULL));
}

int try_remount_writable(const struct inmate *me)
{
    return got(mount(NULL, me->prison->places[PLACE_BUS], NULL, MS_REMOUNT | MS_BIND, NULL));
}

int try_unmount_place(const struct inmate *me)
{
    return got(umount2(me->prison->places[PLACE_BUS], MNT_DETACH));
}

int try_change_root(const struct inmate *me)
{
    return got(chroot(me->prison->places[PLACE_BUS]));
}

int try_become_root(const struct inmate *me)
{
    (void)me;
    return got(syscall(SYS_setresuid, 0, 0, 0));
}

int try_become_other(const struct inmate *me)
{
    (void)me;
    return got(syscall(SYS_setresgid, 70123, 70123, 70123));
}

int try_take_groups(const struct inmate *me)
{
    const gid_t wanted = 0;
    (void)me;
    return got(syscall(SYS_setgroups, 1, &wanted));
}

int try_raise_limit(const struct inmate *me)
{
    const struct rlimit limit = {4096, 4096};
    (void)me;
    return got(syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, NULL));
}

int try_kill_parent(const struct inmate *me)
{
    pid_t parent = getppid();
    (void)me;
    return parent > 0 ? got(kill(parent, 0)) : -1;
}

int try_kill_strangers(const struct inmate *me)
{
    (void)me;
    for (pid_t pid = 2; pid < 4096; pid++)
        if (syscall(SYS_kill, pid, 0) == 0)
            return 0;
    return -1;
}

int try_trace_stranger(const struct inmate *me)
{
    (void)me;
    for (pid_t pid = 2; pid < 4096; pid++)
        if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0)
            return 0;
    return -1;
}

static int connects(const char *path, size_t size)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    memcpy(to.sun_path, path, size);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    return got(
        connect(fd, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)));
}

int try_connect_outside(const struct inmate *me)
{
    char path[108];
    snprintf(path, sizeof path, "%.90s/sock", me->prison->outside);
    return connects(path, strlen(path) + 1);
}

int try_connect_abstract(const struct inmate *me)
{
    char name[40] = "";
    memcpy(name + 1, me->prison->abstract, sizeof me->prison->abstract);
    return connects(name, 1 + strlen(me->prison->abstract));
}

int try_reach_network(const struct inmate *me)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0x7f000001)};
    (void)me;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? -1 : got(connect(fd, (struct sockaddr *)&to, sizeof to));
}

int try_raw_socket(const struct inmate *me)
{
    (void)me;
    return got(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

int try_set_hostname(const struct inmate *me)
{
    (void)me;
    return got(sethostname("free", 4));
}

int try_set_clock(const struct inmate *me)
{
    struct timeval now;
    (void)me;
    return gettimeofday(&now, NULL) < 0 ? -1 : got(syscall(SYS_settimeofday, &now, NULL));
}

int try_load_module(const struct inmate *me)
{
    (void)me;
    return syscall(SYS_init_module, NULL, 0, "") < 0 && errno != EPERM && errno != ENOSYS ? 0 : -1;
}

int try_regain_capability(const struct inmate *me)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{.effective = ~0U, .permitted = ~0U}};
    (void)me;
    return got(syscall(SYS_capset, &header, data));
}

int try_inherit_descriptor(const struct inmate *me)
{
    struct stat found;
    return got(fstat(me->prison->outside_listener, &found));
}

int try_inet_socket(const struct inmate *me)
{
    (void)me;
    return got(socket(AF_INET, SOCK_STREAM, 0));
}

int try_netlink_socket(const struct inmate *me)
{
    (void)me;
    return got(socket(AF_NETLINK, SOCK_RAW, 0));
}

int try_unshare_user(const struct inmate *me)
{
    (void)me;
    return got(unshare(CLONE_NEWUSER));
}

/* In the new process only its end is right; in the old one the pid says that it got through. */
static int clones(unsigned long flags)
{
    long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        syscall(SYS_exit_group, 0);
    return got(pid);
}

int try_clone_user(const struct inmate *me)
{
    (void)me;
    return clones(CLONE_NEWUSER);
}

int try_fork_process(const struct inmate *me)
{
    (void)me;
    return clones(0);
}

/* Got through: any answer but those of a call that is shut. */
static int reaches(long r)
{
    return r < 0 && (errno == EPERM || errno == ENOSYS || errno == EACCES) ? -1 : 0;
}

int try_io_uring(const struct inmate *me)
{
    (void)me;
    return reaches(syscall(SYS_io_uring_setup, 1, NULL));
}

int try_userfault(const struct inmate *me)
{
    (void)me;
    return reaches(syscall(SYS_userfaultfd, 1));
}

int try_bpf_program(const struct inmate *me)
{
    (void)me;
    return reaches(syscall(SYS_bpf, 5, NULL, 0));
}

int try_perf_event(const struct inmate *me)
{
    (void)me;
    return reaches(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

int try_keyring(const struct inmate *me)
{
    (void)me;
    return reaches(syscall(SYS_keyctl, 0, -4, 0));
}

int try_map_executable(const struct inmate *me)
{
    (void)me;
    void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -1 : 0;
}

int try_protect_executable(const struct inmate *me)
{
    (void)me;
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -1 : got(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

int try_trace_me(const struct inmate *me)
{
    (void)me;
    return reaches(ptrace(PTRACE_PEEKDATA, 1, NULL, NULL));
}

int try_memory_file(const struct inmate *me)
{
    (void)me;
    return got(syscall(SYS_memfd_create, "x", 0));
}

int try_socket_pair(const struct inmate *me)
{
    int pair[2];
    (void)me;
    return got(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

int try_change_personality(const struct inmate *me)
{
    (void)me;
    return got(personality(ADDR_NO_RANDOMIZE));
}
