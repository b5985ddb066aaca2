# The rooms of src/ (docs/design.md): which may know which. The files say what they include, and the
# objects what they call.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use File::Basename qw(basename dirname);
use File::Find 'find';
use NegTest;
use NegTest::Httpd 'mpm';

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';

use constant { HEADER_MAX => 250, SOURCE_MAX => 400 };

# From the ground up; 'top' is mod_auth_negotiate.c and src/grant.c.
my %below = (core => [], gss => [qw(core)], conf => [qw(core gss)]);
$below{$_} = [qw(core gss conf)] for qw(start request);
$below{$_} = [qw(core gss conf request)] for qw(proof session authz acting);
$below{top} = [ keys %below ];

my $tree  = source_dir();
my @files = files();
my %text  = map { $_ => read_file($_) } @files;

plan tests => 12;

# --- what the files say --------------------------------------------------------

is_deeply [ sort keys %{ { map { room_of($_) => 1 } @files } } ], [ sort keys %below ], 'the rooms of src/';
{
    my %where = map { basename($_) => room_of($_) } grep { /\.h$/ && !/internal\.h$/ } @files;
    my (@up, @private);
    for my $file (@files) {
        for my $header ($text{$file} =~ /^#include "([^"]+)"/mg) {
            if ($header eq 'internal.h') {
                push @private, $file if !-e dirname("$tree/$file") . '/internal.h';
                next;
            }
            my $room = $where{$header} || 'top';    # mod_auth_negotiate.h, and what is written with its path
            push @up, "$file: $header" if !may_know(room_of($file), $room);
        }
    }
    is_deeply \@up, [], 'no file includes a header of a room above or beside it';
    is_deeply \@private, [], '... or what is internal to another one';
    my @twice = grep { my $name = basename($_); 1 < grep { basename($_) eq $name } grep { !/internal\.h$/ } @files } grep { /\.h$/ && !/internal\.h$/ } @files;
    is_deeply \@twice, [], '... and no two headers have one name';
}
is_deeply [ grep { $text{$_} !~ m{\A/\*\*\n \* The room of (?:(?!\*/).)*?\bnever\b}s } map { "src/$_/$_.h" } grep { !/^(?:core|top)$/ } sort keys %below ],
  [], 'each face says what its room is for, and what it never does';
is_deeply [ grep { lines_of($_) > (/\.h$/ ? HEADER_MAX : SOURCE_MAX) } @files ], [],
  'no header is longer than ' . HEADER_MAX . ' lines, no source than ' . SOURCE_MAX;
{
    my $design = read_file('docs/design.md');
    my %named  = map { $_ => 1 } $design =~ /`(src\/[\w.\/]+\w)`/g;
    is_deeply [ grep { /\.c$/ && !$named{$_} } grep { m{^src/} } @files ], [], 'docs/design.md names every source file';
    is_deeply [ grep { $design !~ /`\Q$_\E`/ } map { 't/' . basename($_) } glob "$tree/t/*.t" ], [], '... and every test, with what it is about';
    is_deeply [ grep { !/^top$/ && !$named{"src/$_"} && $design !~ /^\| `src\/$_\/` \|/m } sort keys %below ], [], '... and every room';
}

# --- what the objects say ------------------------------------------------------

my %calls = calls();    # file => { file => [ names ] }

SKIP: {
    skip 'the objects are not beside the module, or there is no nm', 3 if !%calls;
    cmp_ok scalar(keys %calls), '>=', 100, 'the objects are read';
    my @up = map {
        my $file = $_;
        map { "$file -> $_: @{ $calls{$file}{$_} }" } grep { !may_know(room_of($file), room_of($_)) } sort keys %{ $calls{$file} }
    } sort keys %calls;
    is_deeply \@up, [], 'no room calls one that is not below it' or diag map { "$_\n" } @up;
    my @circles = circles();
    is_deeply \@circles, [], 'no files call each other in a circle' or diag map { "$_\n" } @circles;
}

# --- rooms -----------------------------------------------------------------------

sub room_of { my ($file) = @_; return $file =~ m{^src/(\w+)/} ? $1 : 'top' }

sub may_know { my ($room, $other) = @_; return $room eq $other || grep { $_ eq $other } @{ $below{$room} } }

# --- objects ---------------------------------------------------------------------

# By the names that the linker sees. That of the module itself is httpd's to all of them.
sub calls {
    my $built = dirname($ENV{NEG_MODULE});
    my (%defined_in, %wants);
    for my $file (grep { /\.c$/ } @files) {
        my $object = "$built/" . $file =~ s/\.c$/.o/r;
        my $r = -e $object ? run([ 'nm', $object ]) : { ok => 0 };
        return if !$r->{ok};
        $defined_in{$_} = $file for grep { $_ ne 'auth_negotiate_module' } $r->{output} =~ /^[0-9a-f]+ [TDBRC] (\w+)$/mg;
        $wants{$file} = [ $r->{output} =~ /^ +U (neg_\w+)$/mg ];
    }
    my %found = map { $_ => {} } keys %wants;
    for my $file (keys %wants) {
        for my $name (@{ $wants{$file} }) {
            my $other = $defined_in{$name};
            push @{ $found{$file}{$other} }, $name if $other && $other ne $file;
        }
    }
    return %found;
}

# Files that nobody calls, or that call nobody who is left, are in no circle.
sub circles {
    my %left = map { $_ => { %{ $calls{$_} } } } keys %calls;
    while (my @ends = grep { !grep { $left{$_} } keys %{ $left{$_} } } keys %left) {
        delete @left{@ends};
    }
    while (my @begins = grep { my $file = $_; !grep { $left{$_}{$file} } keys %left } keys %left) {
        delete @left{@begins};
    }
    return map { my $file = $_; "$file -> " . join ' ', grep { $left{$_} } sort keys %{ $left{$file} } } sort keys %left;
}

# --- files -----------------------------------------------------------------------

sub files {
    my @found = 'mod_auth_negotiate.c';
    find({ no_chdir => 1, wanted => sub { push @found, substr $_, 1 + length $tree if /\.[ch]$/ } }, "$tree/src");
    return sort @found;
}

sub read_file {
    my ($name) = @_;
    open my $in, '<', "$tree/$name" or die "$name: $!\n";
    local $/;
    return scalar <$in>;
}

sub lines_of { my ($file) = @_; return scalar(() = $text{$file} =~ /\n/g) }
