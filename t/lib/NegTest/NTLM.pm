package NegTest::NTLM;

# The client's half of NTLMv2 (MS-NLMP), made by hand: it can be wrong in any way, with a proof
# that is right.

use strict;
use warnings;

use Digest::MD5 'md5';
use Encode 'encode';
use Exporter 'import';

our @EXPORT_OK = qw(ntlm_negotiate ntlm_authenticate read_challenge av_pair binding_hash utf16 FLAGS);

use constant {
    FLAGS    => 0xe2088297,    # as browsers on Windows have them
    UNICODE  => 0x00000001,
    DATAGRAM => 0x00000040,
    VERSION  => 0x02000000,
    KEY_EXCH => 0x40000000,
};

my $WINDOWS_10 = "\x0a\0\x61\x4a\0\0\0\x0f";

# MD4 of the password in UTF-16, which Perl itself does not have.
my %HASH_OF = (
    ntpass    => 'e3803215534e500935d89e1187160837',
    otherpass => '2c01a73ad9e597f6eab0d072ed74616c',
);

# Options: flags, domain and workstation (as [length, maximum, offset]), payload.
sub ntlm_negotiate {
    my (%opt) = @_;
    my $flags = defined $opt{flags} ? $opt{flags} : FLAGS;
    return "NTLMSSP\0" . pack('VV', defined $opt{type} ? $opt{type} : 1, $flags)
      . join('', map { pack 'vvV', @{ $_ || [ 0, 0, 0 ] } } @opt{qw(domain workstation)})
      . $WINDOWS_10 . ($opt{payload} || '');
}

# { challenge, info } of a server's message.
sub read_challenge {
    my ($message) = @_;
    return if !defined $message || length $message < 48 || substr($message, 0, 12) ne "NTLMSSP\0\2\0\0\0";
    my ($length, undef, $offset) = unpack 'vvV', substr $message, 40, 8;
    return { message => $message, challenge => substr($message, 24, 8), info => substr($message, $offset, $length) };
}

# user, domain, password, bindings (a hash of 16 bytes); and what may be wrong: flags, lm, nt (a
# sub that changes the response), av (a sub that changes the AV_PAIRs), key, workstation, type,
# fields => { name => [length, maximum, offset] }.
sub ntlm_authenticate {
    my ($challenge, %opt) = @_;
    my ($user, $domain) = @opt{qw(user domain)};
    my $av = substr $challenge->{info}, 0, -4;
    $av .= av_pair(10, $opt{bindings}) if defined $opt{bindings};
    $av .= av_pair(0);
    $av = $opt{av}->($av) if $opt{av};
    my $time = pack 'VV', 0xd53e8000, 0x019db1de;
    my $blob = "\1\1\0\0\0\0\0\0" . $time . 'clientch' . "\0\0\0\0" . $av . "\0\0\0\0";
    $blob = $opt{blob}->($blob) if $opt{blob};
    my $key = _hmac(pack('H*', $HASH_OF{ $opt{password} || 'ntpass' }), utf16(uc $user) . utf16($domain));
    my $nt  = _hmac($key, $challenge->{challenge} . $blob) . $blob;
    $nt = $opt{nt}->($nt) if $opt{nt};
    my %value = (
        lm          => defined $opt{lm} ? $opt{lm} : "\0" x 24,
        nt          => $nt,
        domain      => utf16($domain),
        user        => defined $opt{raw_user} ? $opt{raw_user} : utf16($user),
        workstation => utf16(defined $opt{workstation} ? $opt{workstation} : 'PC1'),
        key         => defined $opt{key} ? $opt{key} : 'sixteen bytes ok',
    );
    my ($header, $payload) = ('', '');
    for my $name (qw(lm nt domain user workstation key)) {
        my $length = length $value{$name};
        my $field  = $opt{fields}{$name} || [ $length, $length, 88 + length $payload ];
        $header .= pack 'vvV', @$field;
        $payload .= $value{$name};
    }
    return "NTLMSSP\0" . pack('V', $opt{type} || 3) . $header
      . pack('V', defined $opt{flags} ? $opt{flags} : FLAGS) . $WINDOWS_10 . "\0" x 16 . $payload;
}

sub av_pair { my ($id, $value) = @_; $value = '' if !defined $value; return pack('vv', $id, length $value) . $value }

# Of GSSAPI's channel bindings with this application data and no addresses.
sub binding_hash { my ($data) = @_; return md5("\0" x 16 . pack('V', length $data) . $data) }

sub utf16 { my ($text) = @_; return encode('UTF-16LE', $text) }

sub _hmac {
    my ($key, $data) = @_;
    $key .= "\0" x (64 - length $key);
    return md5(($key ^ "\x5c" x 64) . md5(($key ^ "\x36" x 64) . $data));
}

1;

__END__

=head1 NAME

NegTest::NTLM - NTLM messages made by hand

=head1 SYNOPSIS

    use NegTest::NTLM qw(ntlm_negotiate ntlm_authenticate read_challenge);

    my $r = $http->get($path, Authorization => negotiate(ntlm_negotiate()));
    my $challenge = read_challenge($r->token);
    $http->get($path, Authorization => negotiate(
        ntlm_authenticate($challenge, domain => 'AD', user => 'ntuser', password => 'ntpass')));

The passwords that it knows are ntpass and otherpass.

=cut
