/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that must be ours, the service manager's datagram, and limits of the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/privilege.h"
#include "daemon/runtime_directory.h"
#include "daemon/service_notify.h"

static char *no_environment[] = {NULL};

static int make_folder(void **state)
{
    char *folder = strdup("/tmp/tokenry-process-XXXXXX");
    *state = folder;
    return folder != NULL && mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
    int status = system(command);
    free(*state);
    return status;
}

static const char *below(const char *folder, const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static unsigned mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

static void test_a_symbolic_link_is_no_private_directory(void **state)
{
    struct fault fault = {0};
    assert_int_equal(symlink("/tmp", below(*state, "link")), 0);
    assert_int_equal(private_directory(below(*state, "link"), false, "data directory", &fault),
                     TKR_FORBIDDEN);
    assert_non_null(strstr(fault.detail, "a symbolic link"));
}

static void test_a_directory_that_others_may_write_is_refused(void **state)
{
    struct fault fault = {0};
    assert_int_equal(mkdir(below(*state, "open"), 0700), 0);
    assert_int_equal(chmod(below(*state, "open"), 0770), 0);
    assert_int_equal(private_directory(below(*state, "open"), false, "data directory", &fault),
                     TKR_FORBIDDEN);
    assert_non_null(strstr(fault.detail, "(mode 0770)"));
}

static void test_a_directory_of_somebody_else_is_refused(void **state)
{
    struct fault fault = {0};
    const char *path = geteuid() == 0 ? below(*state, "theirs") : "/proc";
    if (geteuid() == 0) {
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(chown(path, 65534, 65534), 0);
    }
    assert_int_equal(private_directory(path, false, "runtime directory", &fault), TKR_FORBIDDEN);
    assert_non_null(strstr(fault.detail, "belongs to user"));
}

static void test_a_file_in_the_way_is_named(void **state)
{
    struct fault fault = {0};
    fclose(fopen(below(*state, "file"), "w"));
    assert_int_equal(private_directory(below(*state, "file"), false, "data directory", &fault),
                     TKR_FORBIDDEN);
    assert_int_equal(private_directory(below(*state, "file/data"), true, "data directory", &fault),
                     TKR_IO);
    assert_non_null(strstr(fault.detail, "Not a directory"));
}

static void test_a_missing_directory_is_made_for_us_alone(void **state)
{
    struct fault fault = {0};
    assert_int_equal(private_directory(below(*state, "a/b/c"), true, "data directory", &fault),
                     TKR_OK);
    assert_int_equal(mode_of(below(*state, "a/b/c")), 0700);
    assert_int_equal(mode_of(below(*state, "a")) & 0022, 0);
    assert_int_equal(private_directory(below(*state, "x/y"), false, "data directory", &fault),
                     TKR_IO);
}

static void test_the_runtime_directory_is_of_the_data_directorys_real_path(void **state)
{
    struct fault fault = {0};
    char *direct, *by_link;
    const char *data = below(*state, "data");
    assert_int_equal(mkdir(data, 0700), 0);
    assert_int_equal(symlink(data, below(*state, "alias")), 0);
    assert_int_equal(runtime_directory_open("", data, no_environment, false, &direct, &fault),
                     TKR_OK);
    assert_int_equal(
        runtime_directory_open("", below(*state, "alias"), no_environment, false, &by_link, &fault),
        TKR_OK);
    assert_string_equal(direct, by_link);
    assert_int_equal(strncmp(direct, "/dev/shm/tokenry-", 17), 0);
    assert_int_equal(mode_of(direct), 0700);
    assert_int_equal(rmdir(direct), 0);
    free(direct);
    free(by_link);
}

static void test_configuration_beats_the_service_managers_directory(void **state)
{
    struct fault fault = {0};
    char variable[160], *path;
    const char *data = below(*state, "data"), *managed = below(*state, "managed");
    assert_int_equal(mkdir(data, 0700), 0);
    snprintf(variable, sizeof(variable), "RUNTIME_DIRECTORY=%s:/run/other", managed);
    char *environment[] = {variable, NULL};
    assert_int_equal(runtime_directory_open("", data, environment, false, &path, &fault), TKR_OK);
    assert_string_equal(path, managed);
    free(path);
    const char *configured = below(*state, "configured");
    assert_int_equal(runtime_directory_open(configured, data, environment, true, &path, &fault),
                     TKR_OK);
    assert_string_equal(path, configured);
    free(path);
}

static void test_a_command_follows_the_link_that_the_daemon_left(void **state)
{
    struct fault fault = {0};
    char *path;
    const char *data = below(*state, "data"), *used = below(*state, "used");
    assert_int_equal(mkdir(data, 0700), 0);
    assert_int_equal(mkdir(used, 0700), 0);
    data_link(data, DATA_LINK_RUNTIME, used);
    data_link(data, DATA_LINK_RUNTIME, used); /* it may be there already */
    assert_int_equal(runtime_directory_open("", data, no_environment, true, &path, &fault), TKR_OK);
    assert_string_equal(path, used);
    free(path);
}

static void test_a_link_that_leads_nowhere_is_none(void **state)
{
    const char *data = below(*state, "data"), *gone = below(*state, "gone");
    assert_int_equal(mkdir(data, 0700), 0);
    assert_null(data_link_target(data, DATA_LINK_SOCKET));
    data_link(data, DATA_LINK_SOCKET, gone);
    assert_null(data_link_target(data, DATA_LINK_SOCKET));
    assert_int_equal(mkdir(gone, 0700), 0);
    char *target = data_link_target(data, DATA_LINK_SOCKET);
    assert_string_equal(target, gone);
    free(target);
    data_link(data, DATA_LINK_SOCKET, NULL);
    assert_null(data_link_target(data, DATA_LINK_SOCKET));
    assert_int_equal(rmdir(gone), 0);
    assert_int_equal(rmdir(data), 0); /* nothing is left in it */
}

/* --- the service manager ------------------------------------------------------------------- */

static void test_without_a_service_manager_nothing_is_sent(void **state)
{
    char longest[200];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    assert_false(service_notify(NULL, "READY=1"));
    assert_false(service_notify("", "READY=1"));
    assert_false(service_notify("relative", "READY=1"));
    assert_false(service_notify("@", "READY=1"));
    assert_false(service_notify(longest, "READY=1"));
    assert_false(service_notify(below(*state, "nobody"), "READY=1"));
}

static void check_notify(const char *name, const struct sockaddr_un *address, socklen_t length)
{
    char received[32] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)address, length), 0);
    assert_true(service_notify(name, "READY=1"));
    assert_int_equal(recv(fd, received, sizeof(received), MSG_DONTWAIT), 7);
    assert_string_equal(received, "READY=1");
    close(fd);
}

static void test_the_service_manager_hears_at_a_path_and_at_an_abstract_name(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = below(*state, "notify");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    check_notify(path, &address, sizeof(address));
    char name[64];
    int length = snprintf(name, sizeof(name), "@tokenry-test-%d", (int)getpid());
    memset(&address.sun_path, 0, sizeof(address.sun_path));
    memcpy(address.sun_path + 1, name + 1, (size_t)length - 1);
    check_notify(name, &address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length));
}

/* --- the process: in a child, because there is no way back --------------------------------- */

static int in_child(int (*run)(void))
{
    pid_t child = fork();
    if (child == 0) {
        _exit(run());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int give_up_root(void)
{
    struct fault fault = {0};
    if (geteuid() != 0) { /* not root: only root can become somebody else */
        return privilege_become("root", &fault) == TKR_FORBIDDEN ? 0 : 1;
    }
    if (privilege_become("nobody", &fault) != TKR_OK || geteuid() == 0 || getegid() == 0) {
        return 2;
    }
    return setuid(0) == 0 || access("/root/.", R_OK) == 0 ? 3 : 0;
}

static int lower_files(void)
{
    struct rlimit limit = {.rlim_cur = 64, .rlim_max = 200};
    uint64_t have = 0;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 1;
    }
    if (privilege_raise_files(128, &have) != TKR_OK || have < 128) {
        return 2;
    }
    if (geteuid() == 0 && setuid(65534) != 0) { /* root may raise the hard limit */
        return 3;
    }
    return privilege_raise_files(100000, &have) == TKR_CAPACITY && have == 200 ? 0 : 4;
}

static void test_no_such_user_is_named(void **state)
{
    struct fault fault = {0};
    assert_int_equal(privilege_become("no-such-user", &fault), TKR_NOT_FOUND);
    assert_string_equal(fault.detail, "server.user: no user no-such-user");
    assert_int_equal(privilege_become("", &fault), TKR_OK);
}

static void test_root_is_given_up_for_good(void **state)
{
    assert_int_equal(in_child(give_up_root), 0);
}

static void test_open_files_are_raised_as_far_as_allowed(void **state)
{
    assert_int_equal(in_child(lower_files), 0);
}

int main(void)
{
#define FOLDER_TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_a_symbolic_link_is_no_private_directory),
        FOLDER_TEST(test_a_directory_that_others_may_write_is_refused),
        FOLDER_TEST(test_a_directory_of_somebody_else_is_refused),
        FOLDER_TEST(test_a_file_in_the_way_is_named),
        FOLDER_TEST(test_a_missing_directory_is_made_for_us_alone),
        FOLDER_TEST(test_the_runtime_directory_is_of_the_data_directorys_real_path),
        FOLDER_TEST(test_configuration_beats_the_service_managers_directory),
        FOLDER_TEST(test_a_command_follows_the_link_that_the_daemon_left),
        FOLDER_TEST(test_a_link_that_leads_nowhere_is_none),
        FOLDER_TEST(test_without_a_service_manager_nothing_is_sent),
        FOLDER_TEST(test_the_service_manager_hears_at_a_path_and_at_an_abstract_name),
        cmocka_unit_test(test_no_such_user_is_named),
        cmocka_unit_test(test_root_is_given_up_for_good),
        cmocka_unit_test(test_open_files_are_raised_as_far_as_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
