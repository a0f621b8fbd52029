#ifndef TRACER_ELF_H
#define TRACER_ELF_H

/* What an ELF file says about how it will be loaded. */

#include <elf.h>
#include <stdbool.h>

/* Why nothing can be preloaded into it (enum trace_unseen), or 0. */
unsigned elf_unseen(int fd, const Elf64_Ehdr *elf);

/* Does it name a library that begins with LIBRARY? */
bool elf_needs(int fd, const Elf64_Ehdr *elf, const char *library);

#endif
