#include "daemon/base/machine.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "tests/support/suite.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/sniffer-machine-XXXXXX";

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static int remove_entry(const char *path, const struct stat *status, int type,
                        struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static void tear_down(void)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* TEXT: "NAME VALUE" of each file, ended by newlines; folders are made. */
static void make(const char *text)
{
    autofree char *copy = xstrdup(text);
    char *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *value = strchr(line, ' ');
        ck_assert_ptr_nonnull(value);
        *value++ = '\0';
        autofree char *path = path_join(folder, line);
        autofree char *parent = path_parent(path);
        mkdir(parent, 0700);
        FILE *file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        fprintf(file, "%s\nmore\n", value);
        fclose(file);
    }
}

static const struct {
    const char *files;
    bool mains;
} supplies[] = {
    {"", true},
    {"AC/type Mains\nAC/online 1\n", true},
    {"AC/type Mains\nAC/online 0\n", false},
    {"AC/type Mains\nAC/online 0\nUSB/type USB\nUSB/online 1\n", true},
    {"AC/type Mains\nAC/online 1\nBAT0/type Battery\nBAT0/status Discharging\n", true},
    {"BAT0/type Battery\nBAT0/status Discharging\n", false},
    {"BAT0/type Battery\nBAT0/status Full\n", true},
    {"m/type Battery\nm/status Discharging\nm/scope Device\n", true},
};

START_TEST(a_machine_lives_on_a_battery_or_not)
{
    make(supplies[_i].files);
    ck_assert_int_eq(machine_look("/nowhere", folder).mains, supplies[_i].mains);
}
END_TEST

START_TEST(a_machine_without_supplies_hangs_on_a_wire)
{
    ck_assert(machine_look("/nowhere", "/nowhere").mains);
}
END_TEST

START_TEST(it_is_as_busy_as_the_kernel_says)
{
    double processors = (double)sysconf(_SC_NPROCESSORS_ONLN);
    ck_assert_double_eq(machine_look(folder, folder).busy, 100);
    make("loadavg 0.50 0.40 0.30 1/2 3\n");
    ck_assert_double_eq_tol(machine_look(folder, folder).busy, 50 / processors, 0.001);
    make("pressure/cpu some avg10=1.00 avg60=12.50 avg300=3.00 total=4\n");
    ck_assert_double_eq_tol(machine_look(folder, folder).busy, 12.5, 0.001);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base_machine");
    TCase *tests = tcase_create("machine");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, a_machine_lives_on_a_battery_or_not, 0,
                        (int)(sizeof supplies / sizeof *supplies));
    tcase_add_test(tests, a_machine_without_supplies_hangs_on_a_wire);
    tcase_add_test(tests, it_is_as_busy_as_the_kernel_says);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
