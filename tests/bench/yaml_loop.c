/* The yardstick: libyaml's event loop over a file, and nothing else. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    FILE *f = fopen(argv[1], "rb");
    yaml_parser_t parser;
    if (!f || !yaml_parser_initialize(&parser))
        return 3;
    yaml_parser_set_input_file(&parser, f);
    size_t events = 0;
    for (int more = 1; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event))
            return 1;
        more = event.type != YAML_STREAM_END_EVENT;
        events++;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    fclose(f);
    printf("%zu events\n", events);
    return 0;
}
