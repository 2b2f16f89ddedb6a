/* Prints its arguments, one a line, and ends with status 7. */
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("%d arguments\n", argc);
    for (int i = 1; i < argc; i++)
        printf("[%s]\n", argv[i]);
    return 7;
}
