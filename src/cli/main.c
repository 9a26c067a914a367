/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/secret.h"
#include "cli/command.h"

int main(int count, char **words)
{
    secret_harden_process(); /* any command may come to hold a token */
    return cli_main(count, words, environ);
}
