/* What is told of a code object, and of which. */

#include "python_plugin/tracer/blocks.h"

#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

/* ---- texts ---- */

struct text {
    const char *bytes; /* NULL: it cannot be written as a file's name */
    size_t length;
    struct object *keeper;
};

static bool is_ascii(const char *bytes, intptr_t length)
{
    for (intptr_t i = 0; i < length; i++)
        if ((signed char)bytes[i] < 0)
            return false;
    return true;
}

/* As a file's name is written. That may call a codec written in Python, but for plain names it
 * never does. */
static struct text text_of(struct object *string)
{
    struct text text = {0};
    intptr_t length = 0;
    char *bytes = NULL;
    text.bytes = python.text(string, &length);
    if (text.bytes == NULL || !is_ascii(text.bytes, length)) {
        text.bytes = NULL;
        python.clear_error();
        text.keeper = python.encode(string);
        if (text.keeper != NULL && python.bytes(text.keeper, &bytes, &length) == 0)
            text.bytes = bytes;
    }
    text.length = (size_t)length;
    return text;
}

static void text_drop(struct text *text)
{
    python.drop(text->keeper);
}

/* ---- which files count ---- */

/* Code of one file shares its name, so a name is decided on once. It is kept, for another one could
 * come to lie in its place. */
struct file {
    struct object *name;
    bool counts;
};
enum { FILES = 256 };
static struct file files[FILES];

/* What was found by a link, or by "..", may be a file of the project under another name. */
static bool leads_to_one(const struct trace_log *log, const char *path, size_t length)
{
    struct scratch scratch = scratch_take(false);
    bool counts = true; /* when in doubt */
    if (scratch.spelled != NULL && length < scratch.size) {
        memcpy(scratch.spelled, path, length);
        scratch.spelled[length] = '\0';
        int fd = raw_open(scratch.spelled, O_PATH);
        size_t real = name_of_fd(fd, scratch.kernel, scratch.size);
        counts = fd >= 0 && (real == 0 || log_counts(log, scratch.kernel, real));
        if (fd >= 0)
            raw_close(fd);
    }
    scratch_give(&scratch);
    return counts;
}

/* A name with a zero byte in it is no file's. A relative one is seen from a folder that is not known
 * any more; one in brackets means that there is no file. */
static bool text_counts(const struct trace_log *log, const struct text *file)
{
    if (file->length == 0 || file->bytes[0] == '<' ||
        memchr(file->bytes, '\0', file->length) != NULL)
        return false;
    return file->bytes[0] != '/' || log_counts(log, file->bytes, file->length) ||
           leads_to_one(log, file->bytes, file->length);
}

static bool file_counts(struct trace_log *log, struct object *name)
{
    struct file *file = &files[((uintptr_t)name >> 4) % FILES];
    if (file->name == name)
        return file->counts;
    struct text text = text_of(name);
    bool counts =
        text.bytes == NULL || text_counts(log, &text); /* that is lost, each time */
    text_drop(&text);
    python.keep(name);
    python.drop(file->name);
    *file = (struct file){name, counts};
    return counts;
}

void blocks_forget_files(void)
{
    for (size_t i = 0; i < FILES; i++) {
        python.drop(files[i].name);
        files[i] = (struct file){0};
    }
}

/* ---- telling ---- */

static void tell_place(struct trace_log *log, struct object *code, struct object *file)
{
    bool qualified = python.version >= PYTHON(3, 11, 0);
    struct object *name = python.attribute(code, qualified ? "co_qualname" : "co_name");
    struct object *line = python.attribute(code, "co_firstlineno");
    if (name != NULL && line != NULL) {
        struct text in = text_of(file);
        struct text text = text_of(name);
        if (text.bytes == NULL) /* no block has this name: the source counts as a whole */
            text = (struct text){.bytes = "?", .length = 1, .keeper = text.keeper};
        if (in.bytes != NULL)
            log_code(log, in.bytes, in.length, text.bytes, text.length,
                     (uint64_t)python.number(line));
        else
            log_lose(log);
        text_drop(&text);
        text_drop(&in);
    } else {
        log_lose(log);
    }
    python.drop(line);
    python.drop(name);
}

bool blocks_counts(struct object *code)
{
    struct trace_log *log = log_current();
    struct object *file = log != NULL ? python.attribute(code, "co_filename") : NULL;
    bool counts = file == NULL || file_counts(log, file);
    python.drop(file);
    return counts;
}

bool blocks_tell(struct object *code)
{
    struct trace_log *log = log_current();
    if (log == NULL)
        return true;
    struct object *file = python.attribute(code, "co_filename");
    bool counts = file == NULL || file_counts(log, file);
    if (file == NULL)
        log_lose(log);
    else if (counts)
        tell_place(log, code, file);
    python.drop(file);
    return counts;
}
