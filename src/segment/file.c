/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segment/format.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define SMALL_STEP_BYTES (64ULL * 1024)

tkr_error_t segment_errno(void)
{
    switch (errno) {
    case ENOENT:
        return TKR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return TKR_NO_SPACE;
    case ENOMEM:
        return TKR_MEMORY;
    case EROFS:
        return TKR_READ_ONLY;
    default:
        return TKR_IO;
    }
}

static void unmap(uint8_t *base, size_t bytes)
{
    if (base != NULL && bytes != 0) {
        (void)munmap(base, bytes);
    }
}

tkr_error_t segment_file_map(struct segment_file *file, size_t bytes, bool writable)
{
    size_t reserved = bytes + SEGMENT_HUGE_BYTES;
    uint8_t *room =
        mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ENSURE(room != MAP_FAILED, TKR_MEMORY);
    size_t skip = (SEGMENT_HUGE_BYTES - (uintptr_t)room % SEGMENT_HUGE_BYTES) % SEGMENT_HUGE_BYTES;
    size_t pages = (bytes + SEGMENT_PAGE_BYTES - 1) / SEGMENT_PAGE_BYTES * SEGMENT_PAGE_BYTES;
    int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    if (mmap(room + skip, pages, access, MAP_SHARED | MAP_FIXED, file->fd, 0) == MAP_FAILED) {
        tkr_error_t error = segment_errno();
        unmap(room, reserved);
        return error;
    }
    unmap(room, skip);
    unmap(room + skip + pages, reserved - skip - pages);
    /* A token's digest is not its plaintext, but has no business in a core dump either. */
    (void)madvise(room + skip, pages, MADV_DONTDUMP);
    file->base = room + skip;
    file->bytes = pages;
    return TKR_OK;
}

tkr_error_t segment_file_create(int directory, const char *name, mode_t mode, size_t bytes,
                                struct segment_file *ret_file)
{
    if (unlinkat(directory, name, 0) != 0 && errno != ENOENT) {
        return segment_errno();
    }
    struct segment_file file = SEGMENT_FILE_NONE;
    file.fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    ENSURE(file.fd >= 0, segment_errno());
    tkr_error_t error = TKR_OK;
    if (fchmod(file.fd, mode) != 0 || ftruncate(file.fd, (off_t)bytes) != 0) {
        error = segment_errno();
    }
    if (error == TKR_OK) {
        error = segment_file_map(&file, bytes, true);
    }
    if (error != TKR_OK) {
        segment_file_close(&file);
        (void)unlinkat(directory, name, 0);
        return error;
    }
    *ret_file = file;
    return TKR_OK;
}

tkr_error_t segment_file_open(int directory, const char *name, bool writable,
                              struct segment_file *ret_file, uint64_t *ret_size)
{
    int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = openat(directory, name, flags);
    ENSURE(fd >= 0, segment_errno());
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)close(fd);
        return TKR_IO;
    }
    *ret_file = (struct segment_file){.fd = fd};
    *ret_size = (uint64_t)status.st_size;
    return TKR_OK;
}

void segment_file_close(struct segment_file *file)
{
    unmap(file->base, file->bytes);
    if (file->fd >= 0) {
        (void)close(file->fd);
    }
    *file = SEGMENT_FILE_NONE;
}

static tkr_error_t populate(struct segment_file *file, uint64_t begin, uint64_t end)
{
    if (end <= begin || madvise(file->base + begin, end - begin, MADV_POPULATE_WRITE) == 0) {
        return TKR_OK;
    }
    /* Before Linux 5.14 there is no such advice; fallocate does for a tmpfs. */
    if (errno == EINVAL) {
        int rc = fallocate(file->fd, 0, (off_t)begin, (off_t)(end - begin));
        return rc == 0 ? TKR_OK : segment_errno();
    }
    return errno == EFAULT || errno == ENOMEM ? TKR_NO_SPACE : segment_errno();
}

/* Asks for huge pages: with the advice, which a mount with huge=advise follows, and by
 * collapsing, which needs a first page in each and does not depend on the mount. Whether it
 * works or not, the caller populates afterwards. */
static void ask_for_huge_pages(struct segment_file *file, uint64_t begin, uint64_t end)
{
    (void)madvise(file->base + begin, end - begin, MADV_HUGEPAGE);
    for (uint64_t at = begin; at < end; at += SEGMENT_HUGE_BYTES) {
        if (madvise(file->base + at, SEGMENT_PAGE_BYTES, MADV_POPULATE_WRITE) != 0) {
            return;
        }
    }
    (void)madvise(file->base + begin, end - begin, MADV_COLLAPSE);
}

tkr_error_t segment_file_claim(struct segment_file *file, uint64_t begin, uint64_t end)
{
    uint64_t first = begin / SEGMENT_PAGE_BYTES * SEGMENT_PAGE_BYTES;
    uint64_t last = (end + SEGMENT_PAGE_BYTES - 1) / SEGMENT_PAGE_BYTES * SEGMENT_PAGE_BYTES;
    ENSURE(last <= file->bytes, TKR_NO_SPACE);
    uint64_t huge_first =
        (first + SEGMENT_HUGE_BYTES - 1) / SEGMENT_HUGE_BYTES * SEGMENT_HUGE_BYTES;
    uint64_t huge_last = last / SEGMENT_HUGE_BYTES * SEGMENT_HUGE_BYTES;
    if (huge_last > huge_first) {
        ask_for_huge_pages(file, huge_first, huge_last);
    }
    return populate(file, first, last);
}

uint64_t segment_claim_step(uint64_t claimed, uint64_t needed, uint64_t maximum)
{
    uint64_t step = needed < SEGMENT_HUGE_BYTES ? SMALL_STEP_BYTES : SEGMENT_HUGE_BYTES;
    uint64_t next = (needed + step - 1) / step * step;
    next = next < claimed ? claimed : next;
    return next < maximum ? next : maximum;
}
