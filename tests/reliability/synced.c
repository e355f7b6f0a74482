/* A library that is preloaded into a process. It records everything that the process syncs below $SYNCED_ROOT: a copy of the
 * content of a file, and the names in a directory. All other data may be lost after a power loss. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned copies;

static void append(int log, const char *text) {
    if (write(log, text, strlen(text)) < 0) abort();
}

static void copy(int fd, const char *to) {
    char path[64], buffer[65536];
    ssize_t count;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    /* The file is opened again because it may be open for writing only. */
    int from = open(path, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (from < 0 || out < 0) abort();
    while ((count = read(from, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, (size_t)count) != count) abort();
    close(from);
    close(out);
}

static void record(int fd) {
    const char *root = getenv("SYNCED_ROOT"), *records = getenv("SYNCED_RECORDS");
    char link[64], path[4096], text[9000];
    struct stat meta;
    if (!root || !records || fstat(fd, &meta)) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    if (strncmp(path, root, strlen(root))) return;
    pthread_mutex_lock(&lock);
    snprintf(text, sizeof text, "%s/log", records);
    int log = open(text, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log < 0) abort();
    if (S_ISDIR(meta.st_mode)) {
        DIR *directory = opendir(path);
        struct dirent *entry;
        snprintf(text, sizeof text, "directory\t%s", path);
        append(log, text);
        while (directory && (entry = readdir(directory))) {
            if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
            snprintf(text, sizeof text, "\t%llu %s", (unsigned long long)entry->d_ino, entry->d_name);
            append(log, text);
        }
        if (directory) closedir(directory);
        append(log, "\n");
    } else {
        char name[64], to[4200];
        snprintf(name, sizeof name, "copy%u", copies++);
        snprintf(to, sizeof to, "%s/%s", records, name);
        copy(fd, to);
        snprintf(text, sizeof text, "file\t%llu\t%s\t%s\n", (unsigned long long)meta.st_ino, name, path);
        append(log, text);
    }
    close(log);
    pthread_mutex_unlock(&lock);
}

/* The content is recorded before the call because the file may be written to during the call. Such writes may or may not be
 * synced, so the record is a possible result. */
int fsync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    record(fd);
    return real(fd);
}

int fdatasync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    record(fd);
    return real(fd);
}
