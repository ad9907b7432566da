/* SPDX-License-Identifier: MIT
 * The program `bulkhead`. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    struct cli cli;
    struct fault why;
    if (cli_parse(&cli, argc, argv, &why) < 0) {
        fprintf(stderr, "bulkhead: %s\n", why.text);
        return CLI_USAGE;
    }
    int status = cli_run(&cli);
    return fflush(stdout) == 0 ? status : CLI_SILENCE;
}
