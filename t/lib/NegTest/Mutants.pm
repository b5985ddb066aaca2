package NegTest::Mutants;

# The conditions of a C file, and each of them broken: a whole condition made
# true or false, or one operand of && and || taken out. What stands there is
# still evaluated, so that an assignment in it happens.

use strict;
use warnings;

# $text of a C file; returns { line, from, length, old, new } for each mutant.
sub of_text {
    my ($text) = @_;
    my $code = _masked($text);
    my (@mutants, %seen);
    for my $site (sort { $a->[0] <=> $b->[0] } _conditions($code)) {
        for my $m (_broken($code, @$site)) {
            my ($from, $length, $value) = @$m;
            next if $length <= 0 || $seen{"$from $length $value"}++;
            my $old = substr $text, $from, $length;
            push @mutants,
              {
                line   => 1 + (substr($text, 0, $from) =~ tr/\n//),
                from   => $from,
                length => $length,
                old    => $old =~ s/\s+/ /gr,
                new    => "(($old), $value)",
                value  => $value
              };
        }
    }
    return @mutants;
}

# The same text with nothing in comments, strings, characters and lines of the
# preprocessor that could be taken for code.
sub _masked {
    my ($text) = @_;
    $text =~ s{(/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|^[ \t]*\#(?:\\\n|[^\n])*)}
              {my $t = $1; $t =~ s/[^\n]/ /g unless $t =~ s/^["'].*/'"' . '_' x (length($t) - 2) . '"'/se; $t}gmsex;
    return $text;
}

# [ from, to, may be true ]
sub _conditions {
    my ($code) = @_;
    my @found;
    while ($code =~ /\b(if|while)\s*\(/g) {
        my ($word, $open) = ($1, pos($code) - 1);
        push @found, [ $open + 1, _closing($code, $open), $word eq 'if' ];
    }
    while ($code =~ /\breturn\b([^;?]*);/g) {
        push @found, [ $-[1], $+[1], 1 ] if _is_boolean($1);
    }
    while ($code =~ /[\w\])]\s*=(?!=)([^;?]*);/g) {
        push @found, [ $-[1], $+[1], 1 ] if _is_boolean($1) && $1 !~ /^\s*\{/ && _is_balanced($1);
    }
    while ($code =~ /\?/g) {
        my $from = _beginning($code, $-[0]);
        push @found, [ $from, $-[0], 1 ];
    }
    return @found;
}

sub _is_boolean {
    my ($text) = @_;
    my $flat = $text;
    1 while $flat =~ s/\([^()]*\)//g;
    return $flat =~ /&&|\|\||[=!]=|(?<![-<>])[<>]=?(?![<>])|^\s*!/;
}

sub _is_balanced { return ($_[0] =~ tr/(//) == ($_[0] =~ tr/)//) }

sub _closing {
    my ($code, $open) = @_;
    my $depth = 0;
    for my $i ($open .. length($code) - 1) {
        my $c = substr $code, $i, 1;
        $depth++ if $c eq '(';
        $depth-- if $c eq ')';
        return $i if $depth == 0;
    }
    die "a parenthesis is not closed\n";
}

# Where the condition before a question mark begins.
sub _beginning {
    my ($code, $at) = @_;
    my $depth = 0;
    for (my $i = $at - 1 ; $i >= 0 ; $i--) {
        my $c = substr $code, $i, 1;
        $depth++ if $c eq ')' || $c eq ']';
        $depth-- if $c eq '(' || $c eq '[';
        return $i + 1 if $depth < 0 || ($depth == 0 && $c =~ /[;{},?:]/);
        return $i + 1 if $depth == 0 && $c eq '=' && substr($code, $i - 1, 3) !~ /[=!<>]=|==/;
        return $i + 6 if $depth == 0 && substr($code, $i, 6) eq 'return';
    }
    return 0;
}

# [ from, length, 0 or 1 ]
sub _broken {
    my ($code, $from, $to, $may_be_true) = @_;
    ($from, $to) = _trimmed($code, $from, $to);
    my @all = [ $from, $to - $from, 0 ];
    push @all, [ $from, $to - $from, 1 ] if $may_be_true;
    return @all, _operands($code, $from, $to);
}

# Each operand with the value that makes it as good as absent.
sub _operands {
    my ($code, $from, $to) = @_;
    ($from, $to) = _trimmed($code, $from, $to);
    while (substr($code, $from, 1) eq '(' && _closing($code, $from) == $to - 1) {
        ($from, $to) = _trimmed($code, $from + 1, $to - 1);
    }
    for my $operator ('||', '&&') {
        my @parts = _split($code, $from, $to, $operator);
        next if @parts < 2;
        return map {
            my ($f, $t) = _trimmed($code, @$_);
            ([ $f, $t - $f, $operator eq '&&' ? 1 : 0 ], _operands($code, $f, $t))
        } @parts;
    }
    return;
}

sub _split {
    my ($code, $from, $to, $operator) = @_;
    my ($depth, $begin, @parts) = (0, $from);
    for (my $i = $from ; $i < $to ; $i++) {
        my $c = substr $code, $i, 1;
        $depth++ if $c eq '(';
        $depth-- if $c eq ')';
        next if $depth || substr($code, $i, 2) ne $operator;
        push @parts, [ $begin, $i ];
        $begin = $i + 2;
        $i++;
    }
    return @parts, [ $begin, $to ];
}

sub _trimmed {
    my ($code, $from, $to) = @_;
    $from++ while $from < $to && substr($code, $from, 1) =~ /\s/;
    $to--   while $from < $to && substr($code, $to - 1, 1) =~ /\s/;
    return ($from, $to);
}

1;
