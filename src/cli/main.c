/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "cli/command.h"

int main(int count, char **words)
{
    return cli_main(count, words, environ);
}
