package NegTest::Log;

# What a server appended to its error log since a mark.

use strict;
use warnings;

use NegTest::Process 'wait_until';

sub new {
    my ($class, $file) = @_;
    my $self = bless { file => $file }, $class;
    $self->mark;
    return $self;
}

sub file { $_[0]{file} }

sub mark { my ($self) = @_; $self->{from} = -s $self->{file} || 0; return $self }

sub text {
    my ($self) = @_;
    open my $in, '<', $self->{file} or return '';
    seek $in, $self->{from}, 0;
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}

sub lines {
    my ($self, $pattern) = @_;
    return grep { !defined $pattern || /$pattern/ } split /\n/, $self->text;
}

# Lines of our module alone, without the server's chatter.
sub ours {
    my ($self, $pattern) = @_;
    return grep { /\[auth_negotiate:/ } $self->lines($pattern);
}

# A server may write its line after it has sent the answer.
sub wait_for {
    my ($self, $pattern, $seconds) = @_;
    wait_until(sub { $self->text =~ /$pattern/ }, $seconds || 3);
    return $self->lines($pattern);
}

# Whatever no run may ever show: a died child, a sanitizer's report.
my @CRASH = (
    qr/exit signal (?:Segm|Abort|Bus|Ill|Float)/,
    qr/ERROR: (?:Address|Leak)Sanitizer/,
    qr/runtime error:/,
    qr/Assertion .* failed/,
    qr/(?:free|malloc|realloc)\(\): |double free|stack smashing/,
);

sub crashes {
    my ($self) = @_;
    return grep { my $line = $_; grep { $line =~ $_ } @CRASH } $self->lines;
}

1;

__END__

=head1 NAME

NegTest::Log - read what a server logged

=head1 SYNOPSIS

    my $log = NegTest::Log->new($file);      # marks the end of what is there
    $log->mark;                              # again
    my @lines = $log->lines(qr/.../);        # since the mark, all without pattern
    my @ours  = $log->ours(qr/.../);         # of module auth_negotiate
    ok $log->wait_for(qr/replay/), 'said so';
    is_deeply [$log->crashes], [], 'nobody died';

=cut
