package NegTest::HTTP;

# An HTTP/1.1 client on one connection that sends exactly what a test says,
# byte for byte, and reads answers by the rules.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use MIME::Base64 'decode_base64';
use Time::HiRes qw(sleep time);

use constant DEFAULT_TIMEOUT => 20;

sub new {
    my ($class, %opt) = @_;
    my $self = bless {
        port    => $opt{port},
        host    => $opt{host} || "localhost:$opt{port}",
        timeout => $opt{timeout} || DEFAULT_TIMEOUT,
        buffer  => '',
    }, $class;
    $self->{socket} = $opt{tls} ? $self->_connect_tls(%opt) : $self->_connect;
    return $self;
}

sub _connect {
    my ($self) = @_;
    return IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $self->{port},
        Timeout  => $self->{timeout}
    ) || die "connect to port $self->{port}: $@\n";
}

sub _connect_tls {
    my ($self, %opt) = @_;
    require IO::Socket::SSL;    # only tests over TLS need it
    return IO::Socket::SSL->new(
        PeerAddr           => '127.0.0.1',
        PeerPort           => $self->{port},
        Timeout            => $self->{timeout},
        SSL_hostname       => 'localhost',
        SSL_verifycn_name  => 'localhost',
        SSL_verifycn_scheme => 'http',
        SSL_ca_file        => $opt{ca_file},
        SSL_alpn_protocols => [ $opt{alpn} || 'http/1.1' ],
        $opt{cert_file} ? (SSL_cert_file => $opt{cert_file}, SSL_key_file => $opt{key_file}) : (),
        %{ $opt{ssl} || {} },
    ) || die "TLS to port $self->{port}: ", IO::Socket::SSL::errstr(), "\n";
}

sub socket { $_[0]{socket} }
sub local_port { $_[0]{socket}->sockport }

# DER of the server's certificate, for channel bindings.
sub peer_certificate {
    my ($self) = @_;
    my $x509 = $self->{socket}->peer_certificate or return;
    require IO::Socket::SSL::Utils;
    my $pem = IO::Socket::SSL::Utils::PEM_cert2string($x509);
    return decode_base64(join '', grep { !/^-/ } split /\n/, $pem);
}

# --- requests ----------------------------------------------------------------

sub get  { my ($self, $path, @headers) = @_; return $self->request(GET  => $path, \@headers) }
sub head { my ($self, $path, @headers) = @_; return $self->request(HEAD => $path, \@headers) }

sub post {
    my ($self, $path, $body, @headers) = @_;
    return $self->request(POST => $path, \@headers, $body);
}

sub request {
    my ($self, $method, $path, $headers, $body) = @_;
    $self->send_raw($self->format_request($method, $path, $headers, $body));
    return $self->read_response($method);
}

# Headers are a flat list (name, value, name, value ...): their order and any
# repetition are the test's. Host comes first unless the list names it.
sub format_request {
    my ($self, $method, $path, $headers, $body) = @_;
    my @headers = @{ $headers || [] };
    my $text    = "$method $path HTTP/1.1\r\n";
    my $has_host;
    my $lines = '';
    while (@headers) {
        my ($name, $value) = splice @headers, 0, 2;
        $has_host = 1 if lc $name eq 'host';
        $lines .= "$name: $value\r\n";
    }
    $text .= "Host: $self->{host}\r\n" if !$has_host;
    $text .= $lines;
    $text .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;
    return "$text\r\n" . (defined $body ? $body : '');
}

# Returns false when the server has closed the connection.
sub send_raw {
    my ($self, $bytes, %opt) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $step = $opt{piece} || length $bytes;
    for (my $at = 0; $at < length $bytes; $at += $step) {
        my $piece = substr $bytes, $at, $step;
        while (length $piece) {
            my $sent = syswrite $self->{socket}, $piece;
            return 0 if !$sent;
            substr $piece, 0, $sent, '';
        }
        sleep $opt{pause} if $opt{pause};
    }
    return 1;
}

# --- responses ---------------------------------------------------------------

# undef when the connection ended before an answer began.
sub read_response {
    my ($self, $method) = @_;
    my $response;
    do {
        my $head = $self->_read_until("\r\n\r\n");
        return if !defined $head;
        $response = NegTest::HTTP::Response->parse($head);
    } while $response->status =~ /^1/;
    $response->{body} = $self->_read_body($response, $method || 'GET');
    return $response;
}

sub _read_body {
    my ($self, $response, $method) = @_;
    return '' if $method eq 'HEAD' || $response->status =~ /^(?:204|304)$/;
    return '' if $method eq 'CONNECT' && $response->status =~ /^2/;
    return $self->_read_chunks if lc($response->header('Transfer-Encoding') || '') eq 'chunked';
    my $length = $response->header('Content-Length');
    return $self->_read_exactly($length) if defined $length;
    1 while $self->_fill;
    return $self->_take(length $self->{buffer});
}

sub _read_chunks {
    my ($self) = @_;
    my $body = '';
    while (1) {
        my $line = $self->_read_until("\r\n");
        die "bad chunk\n" if !defined $line || $line !~ /^([0-9a-fA-F]+)/;
        my $size = hex $1;
        $body .= $self->_read_exactly($size);
        my $end = $self->_read_until("\r\n");
        return $body if $size == 0;
        die "bad end of chunk\n" if !defined $end || $end ne "\r\n";
    }
}

# True when the server has closed the connection (and nothing is left to read).
sub closed {
    my ($self, $seconds) = @_;
    return 0 if length $self->{buffer};
    my $end = time + ($seconds || 1);
    while (time < $end) {
        next if !IO::Select->new($self->{socket})->can_read(0.1);
        return !$self->_fill;
    }
    return 0;
}

sub close { my ($self) = @_; close $self->{socket}; return }

sub _read_until {
    my ($self, $mark) = @_;
    my $at;
    while (($at = index $self->{buffer}, $mark) < 0) {
        return if !$self->_fill;
    }
    return $self->_take($at + length $mark);
}

sub _read_exactly {
    my ($self, $length) = @_;
    while (length $self->{buffer} < $length) {
        $self->_fill or die "the answer was cut off\n";
    }
    return $self->_take($length);
}

sub _take { my ($self, $length) = @_; return substr $self->{buffer}, 0, $length, '' }

sub _fill {
    my ($self) = @_;
    my $socket  = $self->{socket};
    my $pending = $socket->can('pending') ? $socket->pending : 0;
    $pending || IO::Select->new($socket)->can_read($self->{timeout})
      or die "no answer within $self->{timeout} seconds\n";
    return sysread $socket, $self->{buffer}, 65_536, length $self->{buffer};
}

package NegTest::HTTP::Response;

use strict;
use warnings;

use MIME::Base64 'decode_base64';

sub parse {
    my ($class, $head) = @_;
    my ($first, @lines) = split /\r\n/, $head;
    my ($protocol, $status, $reason) = $first =~ m{^(HTTP/[\d.]+) (\d{3}) ?(.*)$}
      or die "not an HTTP answer: $first\n";
    my @headers = map { [ /^([^:]+):[ \t]*(.*?)[ \t]*$/ ] } @lines;
    return bless {
        protocol => $protocol, status => $status, reason => $reason,
        headers => \@headers, head => $head, body => ''
    }, $class;
}

sub status { $_[0]{status} }
sub head   { $_[0]{head} }
sub body   { $_[0]{body} }

# All header lines in the order they came: [name, value] each.
sub header_lines { @{ $_[0]{headers} } }

# In list context every value of that name, in order; else the first.
sub header {
    my ($self, $name) = @_;
    my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $self->{headers} };
    return wantarray ? @values : $values[0];
}

sub challenges { my ($self) = @_; my @all = $self->header('WWW-Authenticate'); return @all }

# The bytes after "Negotiate " in the answer; undef without such a header, ''
# for a bare challenge.
sub token {
    my ($self, $name) = @_;
    for my $value ($self->header($name || 'WWW-Authenticate')) {
        return defined $1 ? decode_base64($1) : '' if $value =~ /^Negotiate(?: (.*))?$/;
    }
    return;
}

# What t/cgi-bin/env.pl saw: a hash of the environment.
sub env {
    my ($self) = @_;
    return { map { /^([^=]+)=(.*)$/ ? ($1, $2) : () } split /\n/, $self->{body} };
}

1;

__END__

=head1 NAME

NegTest::HTTP - a client with full control of what is sent

=head1 SYNOPSIS

    my $http = NegTest::HTTP->new(port => $port, tls => 1, ca_file => $ca,
                                  cert_file => $crt, key_file => $key);    # the client's own
    my $r = $http->get('/auth', Authorization => "Negotiate $base64");
    $r = $http->request(PUT => '/x', ['X-A' => 1, 'X-A' => 2], $body);
    $r->status; $r->header('Location'); my @all = $r->header('Set-Cookie');
    $r->challenges;                      # all WWW-Authenticate values
    $r->token;                           # decoded token of the answer
    $r->body; $r->env->{REMOTE_USER};    # env.pl's lines as a hash

    $http->send_raw($bytes, piece => 10, pause => 0.05);     # slowly
    $http->send_raw($http->format_request(GET => '/a')       # pipelined
                  . $http->format_request(GET => '/b'));
    my ($a, $b) = map { $http->read_response } 1, 2;
    $http->closed(2);                    # has the server closed it?
    $http->local_port; $http->peer_certificate;

=cut
