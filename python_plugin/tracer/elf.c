/* What an ELF file says about how it will be loaded. Read piece by piece, for small stacks. */

#include "python_plugin/tracer/elf.h"

#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

#include <string.h>

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#else
#define OWN_MACHINE EM_AARCH64
#endif

enum { NEEDED_MAX = 64 };

static bool read_header(int fd, const Elf64_Ehdr *elf, unsigned index,
                        Elf64_Phdr *ret_header)
{
    uint64_t at = elf->e_phoff + (uint64_t)index * elf->e_phentsize;
    return raw_pread(fd, ret_header, sizeof *ret_header, at) == (long)sizeof *ret_header;
}

static bool find_header(int fd, const Elf64_Ehdr *elf, unsigned type,
                        Elf64_Phdr *ret_header)
{
    for (unsigned i = 0; i < elf->e_phnum; i++)
        if (read_header(fd, elf, i, ret_header) && ret_header->p_type == type)
            return true;
    return false;
}

unsigned elf_unseen(int fd, const Elf64_Ehdr *elf)
{
    Elf64_Phdr header;
    char name[128] = "";
    if (elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_machine != OWN_MACHINE)
        return TRACE_FOREIGN;
    if (!find_header(fd, elf, PT_INTERP, &header))
        return TRACE_STATIC;
    size_t size = header.p_filesz < sizeof name - 1 ? header.p_filesz : sizeof name - 1;
    if (raw_pread(fd, name, size, header.p_offset) <= 0)
        return TRACE_UNREADABLE;
    return strstr(name, "/ld-linux") != NULL ? 0 : TRACE_FOREIGN; /* else musl's, say */
}

/* Where in the file that is which will be at ADDRESS; 0: nowhere. */
static uint64_t offset_of(int fd, const Elf64_Ehdr *elf, uint64_t address)
{
    Elf64_Phdr header;
    for (unsigned i = 0; i < elf->e_phnum; i++)
        if (read_header(fd, elf, i, &header) && header.p_type == PT_LOAD &&
            address >= header.p_vaddr && address - header.p_vaddr < header.p_filesz)
            return address - header.p_vaddr + header.p_offset;
    return 0;
}

struct needed {
    uint64_t names[NEEDED_MAX]; /* offsets in the table of strings */
    size_t count;
    uint64_t strings; /* its address */
};

static void read_needed(int fd, const Elf64_Phdr *dynamic, struct needed *ret_needed)
{
    Elf64_Dyn entry;
    for (uint64_t at = 0; at + sizeof entry <= dynamic->p_filesz; at += sizeof entry) {
        if (raw_pread(fd, &entry, sizeof entry, dynamic->p_offset + at) !=
                (long)sizeof entry ||
            entry.d_tag == DT_NULL)
            return;
        if (entry.d_tag == DT_STRTAB)
            ret_needed->strings = entry.d_un.d_ptr;
        if (entry.d_tag == DT_NEEDED && ret_needed->count < NEEDED_MAX)
            ret_needed->names[ret_needed->count++] = entry.d_un.d_val;
    }
}

bool elf_needs(int fd, const Elf64_Ehdr *elf, const char *library)
{
    Elf64_Phdr dynamic;
    struct needed needed = {.count = 0};
    char name[32];
    if (!find_header(fd, elf, PT_DYNAMIC, &dynamic))
        return false;
    read_needed(fd, &dynamic, &needed);
    uint64_t strings = offset_of(fd, elf, needed.strings);
    for (size_t i = 0; i < needed.count && strings != 0; i++) {
        long size = raw_pread(fd, name, sizeof name - 1, strings + needed.names[i]);
        if (size <= 0)
            return false;
        name[size] = '\0';
        if (strncmp(name, library, strlen(library)) == 0)
            return true;
    }
    return false;
}
